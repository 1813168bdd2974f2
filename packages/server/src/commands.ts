/** Commands go to the deciding server, wherever they came in. */
import { randomUUID } from "node:crypto";
import {
  Command,
  CommandAnswer,
  JobsError,
  type AgentRecord,
  type JobDefinition,
  type Pause,
  type Run,
  type Service,
  type Settings,
} from "@jobs/core";
import {
  decideCancel,
  decideHold,
  decideRelease,
  decideResolve,
  type DefinitionChange,
  type Submission,
} from "@jobs/core/decide";
import { isUnanswered, requestCommand, serveCommands, type AuditStore, type NatsLink } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { changeOf, entryOf, noteOf, type AuditedChange, type AuditedCommand } from "./audit.ts";
import { isNobodyDeciding, type Decided } from "./duties/decided.ts";
import type { Decider } from "./duties/decider.ts";
import type { DecidingLease } from "./duties/deciding-lease.ts";
import type { Enroller } from "./duties/enroller.ts";
import type { HistoryEraser } from "./duties/history-eraser.ts";
import type { SettingsKeeper } from "./duties/settings-keeper.ts";
import type { AgentsProjection } from "./projection/agents-projection.ts";
import type { JobsProjection } from "./projection/jobs-projection.ts";

export interface CommandsOptions {
  readonly link: NatsLink;
  readonly server: string;
  readonly lease: Pick<DecidingLease, "holder" | "whileHeldBy">;
  readonly decider: Decider;
  readonly eraser: Pick<HistoryEraser, "erase">;
  readonly settings: SettingsKeeper;
  readonly audit: AuditStore;
  readonly jobs: JobsProjection;
  readonly agents: Pick<AgentsProjection, "onRecord">;
  readonly enroller: Pick<Enroller, "change">;
  /** Throws `no-deciding-server` while this server may not decide. */
  readonly assertMayDecide: () => void;
  readonly now: () => string;
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** How long a command waits for a server that decides, milliseconds: longer than a take-over. */
const WAIT_MS = 10_000;
const AGAIN_MS = 100;

/** What may be asked of a run that lives. */
export type RunAction = "cancel" | "hold" | "release" | "resolve";

export class Commands implements Service {
  readonly #options: CommandsOptions;
  #served: { stop(): void } | undefined;
  /** By the id of the command. */
  readonly #underWay = new Map<string, Promise<CommandAnswer>>();

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    const { link, server } = this.#options;
    this.#served = serveCommands(link, server, (command) => this.#decideOnce(Command.parse(command)));
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#served?.stop();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async submit(submission: Submission): Promise<Decided> {
    const { job, submittedBy: by } = submission;
    return decidedOf(await this.#ask({ v: 1, kind: "submit", job, by, submission }));
  }

  async act(
    action: RunAction,
    about: { job: string; run: string; by: string; note?: string | undefined },
  ): Promise<Decided> {
    return decidedOf(await this.#ask({ v: 1, kind: action, ...about }));
  }

  /** That a run was cancelled, of one that has ended: it may be asked for again because the first answer was lost. */
  async auditCancellation(run: Run, by: string): Promise<void> {
    const command = { v: 1, kind: "cancel", job: run.job, run: run.run, by } as const;
    const change = changeOf(command, { isNew: false, sequence: 0, run }, this.#options.now());
    if (change !== undefined) await this.#audit(command, change);
  }

  /** The definition with the change; undefined when the job has none. */
  async define(job: string, { schedules, ...change }: DefinitionChange): Promise<JobDefinition | undefined> {
    const given = schedules === undefined ? {} : { schedules: [...schedules] };
    return (await this.#ask({ v: 1, kind: "define", job, ...change, ...given })).definition;
  }

  /** Nothing is said of the job any more. */
  async delete(job: string, by: string): Promise<void> {
    const lastChange = this.#options.jobs.findDefinition(job)?.lastChange?.id;
    await this.#ask({ v: 1, kind: "delete", job, by, lastChange });
  }

  /** None of the job's finished runs is known any more. */
  async deleteHistory(job: string, by: string): Promise<void> {
    await this.#ask({ v: 1, kind: "delete-history", job, by });
  }

  async pauseAll(by: string, note: string | undefined): Promise<Pause | undefined> {
    return (await this.#ask({ v: 1, kind: "pause-all", by, note })).settings?.paused;
  }

  async resumeAll(by: string): Promise<Pause | undefined> {
    return (await this.#ask({ v: 1, kind: "resume-all", by })).settings?.paused;
  }

  /** Lets an agent take on no more runs. */
  async drain(agent: string, by: string, note: string | undefined): Promise<void> {
    await this.#ask({ v: 1, kind: "drain", agent, by, note });
  }

  /** Lets an agent take on runs again. */
  async undrain(agent: string, by: string): Promise<void> {
    await this.#ask({ v: 1, kind: "undrain", agent, by });
  }

  /** Repeats until a server decides: a command that was carried out already is answered as such. */
  async #ask(command: Command): Promise<CommandAnswer> {
    const { monotonicMs, log } = this.#options;
    const startedMs = monotonicMs();
    const id = randomUUID();
    let unknown: JobsError | undefined;
    for (;;) {
      try {
        return await this.#askOnce(command, id);
      } catch (error) {
        const waitedMs = Math.round(monotonicMs() - startedMs);
        if (!isNobodyDeciding(error)) throw error;
        if (isUnanswered(error)) unknown = error;
        if (waitedMs > WAIT_MS) throw unknown ?? error;
        log.debug({ err: error, waitedMs }, "a command waits for a server that decides");
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async #askOnce(command: Command, id: string): Promise<CommandAnswer> {
    const { lease, server, link } = this.#options;
    const holder = lease.holder;
    if (holder === undefined) throw new JobsError("no-deciding-server", "No server decides just now: try again.");
    if (holder === server) return this.#decide(command);
    const answer = CommandAnswer.parse(
      await lease.whileHeldBy(holder, requestCommand(link, holder, { id, ...command })),
    );
    this.#takeOver(command, answer);
    return answer;
  }

  /** It is stored: whoever asks this server next finds it, even before its watch delivers it. */
  #takeOver(command: Command, { isNew, run, definition, settings, agent, sequence }: CommandAnswer): void {
    const { jobs, agents } = this.#options;
    if (!isNew) return;
    if (command.kind === "delete") jobs.announce({ kind: "definition-marker", job: command.job }, sequence);
    if (run !== undefined) jobs.announce({ kind: "run", run }, sequence);
    if (definition !== undefined) jobs.announce({ kind: "definition", definition }, sequence);
    if (settings !== undefined) jobs.applySettings(settings, sequence);
    if (agent !== undefined) agents.onRecord(agent, sequence);
  }

  /** One that comes again while it is decided gets the same answer. */
  #decideOnce(command: Command): Promise<CommandAnswer> {
    const { id } = command;
    if (id === undefined) return this.#decide(command); // a server of an older version asks
    const deciding = this.#underWay.get(id) ?? this.#decide(command).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, deciding);
    return deciding;
  }

  #decide(command: Command): Promise<CommandAnswer> {
    // The record of the run says who submitted it.
    if (command.kind === "submit") return this.#options.decider.submit(command.submission);
    return this.#decideAudited(command);
  }

  async #decideAudited(command: AuditedCommand): Promise<CommandAnswer> {
    const answer = await this.#carryOut(command);
    const change = changeOf(command, answer, this.#options.now());
    // Before it is answered: what is not in AUDIT was not said to be done.
    if (change !== undefined) await this.#audit(command, change);
    return answer;
  }

  async #carryOut(command: AuditedCommand): Promise<CommandAnswer> {
    const { decider, eraser, settings } = this.#options;
    switch (command.kind) {
      case "cancel":
        return { ...(await decider.ask(command.job, (view, context) => decideCancel(view, command, context))) };
      case "hold":
        return { ...(await decider.ask(command.job, (view, context) => decideHold(view, command, context))) };
      case "release":
        return { ...(await decider.ask(command.job, (view, context) => decideRelease(view, command, context))) };
      case "resolve":
        return { ...(await decider.ask(command.job, (view, context) => decideResolve(view, command, context))) };
      case "define":
        return { ...(await decider.define(command.job, command)) };
      case "delete":
        return decider.delete(command.job);
      case "delete-history":
        return { ...(await eraser.erase(command.job, command.by)), sequence: 0 };
      case "pause-all":
        return settings.change((before) => paused(before, command, this.#options.now()));
      case "resume-all":
        return settings.change((before) => resumed(before, { at: this.#options.now(), by: command.by }));
      case "drain":
      case "undrain": {
        this.#options.assertMayDecide();
        const said = { at: this.#options.now(), by: command.by };
        const change = (before: AgentRecord): AgentRecord =>
          command.kind === "drain" ? drained(before, { ...said, ...noteOf(command.note) }) : undrained(before, said);
        return { ...(await this.#options.enroller.change(command.agent, change)) };
      }
    }
  }

  async #audit(command: AuditedCommand, change: AuditedChange): Promise<void> {
    try {
      await this.#options.audit.write(change.id, entryOf(command, change));
    } catch (cause) {
      const message = "It was done, but the audit entry could not be stored: NATS does not answer.";
      throw new JobsError("store-unavailable", message, { cause });
    }
  }
}

/** As it is when it is so already, and no other note is given. */
function drained(before: AgentRecord, drain: Pause): AgentRecord {
  const { drain: now } = before;
  const isSaid = now !== undefined && (drain.note === undefined || drain.note === now.note);
  return isSaid ? before : { ...before, drain };
}

function undrained(before: AgentRecord, said: Pause): AgentRecord {
  const { drain, ...rest } = before;
  return drain === undefined ? before : { ...rest, undrained: said };
}

function resumed(before: Settings, said: Pause): Settings {
  const { paused, ...rest } = before;
  return paused === undefined ? before : { ...rest, resumed: said };
}

function paused(before: Settings, { by, note }: { by: string; note?: string | undefined }, at: string): Settings {
  const isSaid = before.paused !== undefined && (note === undefined || note === before.paused.note);
  return isSaid ? before : { ...before, paused: { at, by, ...noteOf(note) } };
}

function decidedOf({ run, sequence, isNew }: CommandAnswer): Decided {
  if (run === undefined) throw new Error("a run was asked for");
  return { run: run satisfies Run, sequence, isNew };
}
