/** Commands go to the deciding server, wherever they came in. */
import { randomUUID } from "node:crypto";
import {
  Command,
  CommandAnswer,
  JobsError,
  type AgentRecord,
  type AuditEntry,
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
import { requestCommand, serveCommands, type AuditStore, type NatsLink } from "@jobs/core/jetstream";
import type { Logger } from "pino";
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
  readonly lease: DecidingLease;
  readonly decider: Decider;
  readonly eraser: HistoryEraser;
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

  /** The definition with the change; undefined when the job has none. */
  async define(job: string, { schedules, ...change }: DefinitionChange): Promise<JobDefinition | undefined> {
    const given = schedules === undefined ? {} : { schedules: [...schedules] };
    return (await this.#ask({ v: 1, kind: "define", job, ...change, ...given })).definition;
  }

  /** Nothing is said of the job any more. */
  async delete(job: string, by: string): Promise<void> {
    await this.#ask({ v: 1, kind: "delete", job, by });
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
    for (;;) {
      try {
        return await this.#askOnce(command);
      } catch (error) {
        const waitedMs = Math.round(monotonicMs() - startedMs);
        if (!isNobodyDeciding(error) || waitedMs > WAIT_MS) throw error;
        log.debug({ err: error, waitedMs }, "a command waits for a server that decides");
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async #askOnce(command: Command): Promise<CommandAnswer> {
    const { lease, server, link } = this.#options;
    const holder = lease.holder;
    if (holder === undefined) throw new JobsError("no-deciding-server", "No server decides just now: try again.");
    if (holder === server) return this.#decide(command);
    const answer = CommandAnswer.parse(await lease.whileHeldBy(holder, requestCommand(link, holder, command)));
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

  #decide(command: Command): Promise<CommandAnswer> {
    // The record of the run says who submitted it.
    if (command.kind === "submit") return this.#options.decider.submit(command.submission);
    return this.#decideAudited(command);
  }

  async #decideAudited(command: Exclude<Command, { kind: "submit" }>): Promise<CommandAnswer> {
    const answer = await this.#carryOut(command);
    // Before it is answered: what is not in AUDIT was not said to be done.
    if (command.kind === "resolve") await this.#auditResolution(command, answer.run);
    else if (answer.isNew) await this.#audit(command, randomUUID());
    return answer;
  }

  async #carryOut(command: Exclude<Command, { kind: "submit" }>): Promise<CommandAnswer> {
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
        await eraser.erase(command.job);
        return { isNew: true, sequence: 0 };
      case "pause-all":
        return settings.change((before) => paused(before, command, this.#options.now()));
      case "resume-all":
        return settings.change(resumed);
      case "drain":
      case "undrain": {
        this.#options.assertMayDecide();
        const drain =
          command.kind === "drain" ? { at: this.#options.now(), by: command.by, ...noteOf(command.note) } : undefined;
        return { ...(await this.#options.enroller.change(command.agent, (before) => drained(before, drain))) };
      }
    }
  }

  /** A run is resolved once, by whoever its record names: an answer that comes again finds the entry, or writes it. */
  async #auditResolution(command: Extract<Command, { kind: "resolve" }>, run: Run | undefined): Promise<void> {
    if (run?.resolved === undefined) return;
    const { at, by, note } = run.resolved;
    await this.#audit({ ...command, by, note }, run.run, at);
  }

  async #audit(command: Exclude<Command, { kind: "submit" }>, id: string, at = this.#options.now()): Promise<void> {
    const { by } = command;
    const entry: AuditEntry = { v: 1, at, by, action: actionOf(command), ...subjectOf(command) };
    try {
      await this.#options.audit.write(id, entry);
    } catch (cause) {
      const message = "It was done, but the audit entry could not be stored: NATS does not answer.";
      throw new JobsError("store-unavailable", message, { cause });
    }
  }
}

function actionOf(command: Exclude<Command, { kind: "submit" }>): AuditEntry["action"] {
  if (command.kind !== "define") return command.kind;
  if (command.pause !== undefined) return "pause";
  return command.resume === true ? "resume" : "define";
}

/** What an act was about, and what was said with it. */
function subjectOf(
  command: Exclude<Command, { kind: "submit" }>,
): Pick<AuditEntry, "job" | "run" | "agent" | "note" | "policy"> {
  switch (command.kind) {
    case "cancel":
    case "hold":
    case "release":
      return { job: command.job, run: command.run };
    case "resolve":
      return { job: command.job, run: command.run, ...noteOf(command.note) };
    case "define":
      return {
        job: command.job,
        ...noteOf(command.pause?.note),
        ...(command.policy === undefined ? {} : { policy: command.policy }),
      };
    case "delete":
    case "delete-history":
      return { job: command.job };
    case "pause-all":
      return noteOf(command.note);
    case "resume-all":
      return {};
    case "drain":
      return { agent: command.agent, ...noteOf(command.note) };
    case "undrain":
      return { agent: command.agent };
  }
}

function noteOf(note: string | undefined): Pick<AuditEntry, "note"> {
  return note === undefined ? {} : { note };
}

/** As it is when it is so already. */
function drained(before: AgentRecord, drain: AgentRecord["drain"]): AgentRecord {
  if ((before.drain === undefined) === (drain === undefined)) return before;
  const { drain: _, ...rest } = before;
  return drain === undefined ? rest : { ...rest, drain };
}

function resumed(before: Settings): Settings {
  const { paused: _, ...rest } = before;
  return rest;
}

function paused(before: Settings, { by, note }: { by: string; note?: string | undefined }, at: string): Settings {
  return before.paused === undefined
    ? { ...before, paused: { at, by, ...(note === undefined ? {} : { note }) } }
    : before;
}

function decidedOf({ run, sequence, isNew }: CommandAnswer): Decided {
  if (run === undefined) throw new Error("a run was asked for");
  return { run: run satisfies Run, sequence, isNew };
}
