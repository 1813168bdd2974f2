/** Commands go to the deciding server, wherever they came in. */
import { JobsError, Run, type Service } from "@jobs/core";
import type { Submission } from "@jobs/core/decide";
import { requestCommand, serveCommands, type NatsLink } from "@jobs/core/jetstream";
import { z } from "zod";
import type { Decided, Decider } from "./duties/decider.ts";
import type { DecidingLease } from "./duties/deciding-lease.ts";
import type { JobsProjection } from "./projection/jobs-projection.ts";

const Command = z.discriminatedUnion("kind", [
  z.looseObject({
    v: z.literal(1),
    kind: z.literal("submit"),
    submission: Run.pick({
      job: true,
      run: true,
      overlap: true,
      target: true,
      payload: true,
      requestDigest: true,
      submittedBy: true,
    }),
  }),
  z.looseObject({ v: z.literal(1), kind: z.literal("cancel"), job: z.string(), run: z.string(), by: z.string() }),
]);
type Command = z.infer<typeof Command>;

const Answer = z.looseObject({ run: Run, sequence: z.int(), isNew: z.boolean() });

export interface CommandsOptions {
  readonly link: NatsLink;
  readonly server: string;
  readonly lease: DecidingLease;
  readonly decider: Decider;
  readonly jobs: JobsProjection;
  readonly monotonicMs: () => number;
}

/** How long a command waits for a server that decides, milliseconds: longer than a take-over. */
const WAIT_MS = 10_000;
const AGAIN_MS = 100;

export class Commands implements Service {
  readonly #options: CommandsOptions;
  #served: { stop(): void } | undefined;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    const { link, server } = this.#options;
    this.#served = serveCommands(link, server, (command) => this.#decide(Command.parse(command)));
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#served?.stop();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  submit(submission: Submission): Promise<Decided> {
    return this.#ask({ v: 1, kind: "submit", submission });
  }

  cancel(job: string, run: string, by: string): Promise<Decided> {
    return this.#ask({ v: 1, kind: "cancel", job, run, by });
  }

  /** Repeats until a server decides: a command that was carried out already is answered as such. */
  async #ask(command: Command): Promise<Decided> {
    const { monotonicMs } = this.#options;
    const startedMs = monotonicMs();
    for (;;) {
      try {
        return await this.#askOnce(command);
      } catch (error) {
        const mayPass = error instanceof JobsError && error.code === "no-deciding-server";
        if (!mayPass || monotonicMs() - startedMs > WAIT_MS) throw error;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async #askOnce(command: Command): Promise<Decided> {
    const { lease, server, link, jobs } = this.#options;
    const holder = lease.holder;
    if (holder === undefined) throw new JobsError("no-deciding-server", "No server decides just now: try again.");
    if (holder === server) return this.#decide(command);
    const decided = Answer.parse(await requestCommand(link, holder, command));
    const { run, sequence } = decided;
    // It is stored: whoever asks this server next finds it, even before its watch delivers it.
    if (decided.isNew) jobs.announce(run, sequence);
    return decided;
  }

  #decide(command: Command): Promise<Decided> {
    const { decider } = this.#options;
    return command.kind === "submit" ? decider.submit(command.submission) : decider.cancel(command.job, command);
  }
}
