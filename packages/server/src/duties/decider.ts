import { randomUUID } from "node:crypto";
/**
 * Decides, one step of a job at a time: view → pure decision → one guarded write → the next view.
 *
 *   stored    the acknowledged record goes on top of the view
 *   conflict  somebody else decided: the job is read again and decided again; what was read may be our own write,
 *             whose acknowledgement was lost
 *   unknown   the identical write again, until it is stored or conflicts; until then nothing of this job is decided
 *             anew and nobody is answered. Not for longer than a minute: its guard could fit again once a later run of
 *             the job has come, gone and left no marker; from then on it counts as a conflict
 */
import { JobsError, type Evidence, type JobDefinition, type Run } from "@jobs/core";
import {
  beforeChange,
  decideDefine,
  decideDelete,
  decideEvidence,
  decideSubmit,
  reconcile,
  type Decision,
  type DecisionContext,
  type DefinitionChange,
  type Submission,
} from "@jobs/core/decide";
import { entryOf, type HistoryStore, type JobRecord, type JobStore, type WriteOutcome } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import { asSaid, type GuardedView } from "../projection/guarded-view.ts";
import type { HistoryIndex } from "../projection/history-index.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { StateOf } from "../projection/run-states.ts";
import type { Silence } from "../projection/silence.ts";
import { memberRunOf, slotRunOf } from "../submission/run-id.ts";
import { answered, newlyAssigned, recordOf, unreadable, writeIdOf, type Decided, type Settled } from "./decided.ts";
import { JobReader } from "./job-reader.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { Reservations } from "./reservations.ts";
import { resolvedOutcome, type KnownOutcome } from "./resolved-outcome.ts";

export interface DeciderOptions {
  readonly store: JobStore;
  readonly history: HistoryStore;
  readonly jobs: JobsProjection;
  readonly agents: AgentsProjection;
  readonly silence: Pick<Silence, "silentMs">;
  readonly finished: HistoryIndex;
  readonly stateOf: StateOf;
  /** The store was restored, and hosts that may run something were not heard since. */
  readonly isRestoring: () => boolean;
  readonly now: () => string;
  readonly monotonicMs: () => number;
  /** Throws `no-deciding-server` while this server may not decide. */
  readonly assertMayDecide: () => void;
  /** For figures: a decision was written, or met somebody else's. */
  readonly onOutcome?: (outcome: "stored" | "conflict" | "unknown") => void;
  /** For figures: this server decided on a run and it is stored; not when the acknowledgement was lost. */
  readonly onStored?: (run: Run, before: Run | undefined) => void;
  readonly log: Logger;
  /** The server stops: what is still of unknown outcome stays so. */
  readonly signal: AbortSignal;
}

const MAX_CONFLICTS = 50;

export class Decider {
  readonly #options: DeciderOptions;
  readonly #queue = new KeyedQueue();
  readonly #reservations = new Reservations();
  readonly #reader: JobReader;

  constructor(options: DeciderOptions) {
    this.#options = options;
    this.#reader = new JobReader(options);
  }

  async submit(submission: Submission): Promise<Decided> {
    const decided = await this.#decide(submission.job, (view, context, isFirstTurn) => {
      this.#options.finished.assertReadable(submission.run);
      // The index of HISTORY may lag by some seconds; a run that went there meanwhile has left a marker in the view.
      const isKnown = this.#options.finished.has(submission.run);
      const mayBeThere = isKnown || !isFirstTurn || this.#options.jobs.isRemoved(submission);
      if (!mayBeThere) return decideSubmit(view, submission, context);
      return this.#findFinished(submission).then(
        (finished) => decideSubmit(view, submission, { ...this.#context(submission.job), finished }), // all may be paused by now
      );
    });
    return answered(decided);
  }

  async #findFinished({ job, run }: Submission): Promise<Run | undefined> {
    try {
      return await this.#options.history.find(job, run);
    } catch (cause) {
      if (cause instanceof JobsError) throw cause;
      throw new JobsError("store-unavailable", "NATS does not answer: try again with the same key.", { cause });
    }
  }

  /** What somebody asked of a run that lives: it is always answered. */
  async ask(job: string, decide: (view: GuardedView, context: DecisionContext) => Decision): Promise<Decided> {
    return answered(await this.#decide(job, decide));
  }

  /** The job's definition with the change; as it is when that changes nothing. */
  async define(
    job: string,
    change: DefinitionChange,
  ): Promise<Omit<Settled, "record"> & { definition?: JobDefinition }> {
    const isMending = change.schedules !== undefined && this.#options.jobs.view(job).uncomputable !== undefined;
    let settled: Settled | undefined;
    for (let isLast = false; !isLast;) {
      const decide = (view: GuardedView, context: DecisionContext): Decision => {
        const first = view.isUnreadable ? undefined : beforeChange(view, change, context);
        isLast = first === undefined;
        return first ?? decideDefine(asSaid(view), change, context);
      };
      settled = await this.#decide(job, decide, isMending);
    }
    if (settled?.record.kind === "definition")
      return { isNew: settled.isNew, sequence: settled.sequence, definition: settled.record.definition };
    const { definition } = this.#options.jobs.view(job);
    return { isNew: false, sequence: 0, ...(definition === undefined ? {} : { definition }) };
  }

  /** Resolves once nothing of the job is being decided that was when it was called. */
  idle(job: string): Promise<void> {
    return this.#queue.run(job, () => Promise.resolve());
  }

  /** True while something of the job is being decided: what is to be decided now comes after it. */
  isBusy(job: string): boolean {
    return this.#queue.isBusy(job);
  }

  /** False while each of its slots has an attempt, or is about to. */
  hasRoom(agent: string): boolean {
    const known = this.#options.agents.get(agent);
    return known !== undefined && this.#reservations.on(known).assigned < known.slots;
  }

  /** How many places of the agent the job is about to have. */
  takenBy(agent: string, job: string): number {
    return this.#reservations.takenBy(agent, job);
  }

  /** Nobody gets one place of the agent, but this job, if one is given, until what this returns is called, once. */
  keepPlace(agent: string, job?: string): () => void {
    return this.#reservations.keep(agent, job);
  }

  /** Nothing is said of the job any more. Throws `job-busy` while a run of it lives. */
  async delete(job: string): Promise<Omit<Settled, "record"> & { deleted?: string | undefined }> {
    let asked: JobDefinition | undefined;
    const settled = await this.#decide(job, (view) => {
      const decision = decideDelete(view);
      if (decision.kind === "delete") asked = view.definition; // gone after a conflict: by our write, or by another one like it
      return decision;
    });
    return { isNew: asked !== undefined, sequence: settled?.sequence ?? 0, deleted: asked?.lastChange?.id };
  }

  /** Does something while nothing of the job is decided here; it is read first. */
  alone<T>(job: string, act: (view: GuardedView, context: DecisionContext) => Promise<T>): Promise<T> {
    return this.#queue.run(job, async () => {
      await this.#reader.readAll(job);
      this.#options.assertMayDecide();
      return act(this.#options.jobs.view(job), this.#context(job));
    });
  }

  async onEvidence(agent: string, evidence: Evidence): Promise<void> {
    await this.#decide(evidence.job, (view, context) => decideEvidence(view, { agent, evidence }, context));
  }

  /** Takes the next steps that a job's state asks for, until there are none. */
  async reconcile(job: string): Promise<void> {
    for (;;) {
      const decided = await this.#decide(job, reconcile);
      if (decided === undefined) return;
    }
  }

  /** Replaces a settled run's record by a marker, unless there is a record of its job that this version cannot read. */
  async remove(run: Run): Promise<void> {
    await this.#queue.run(run.job, async () => {
      for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
        this.#options.assertMayDecide();
        const view = this.#options.jobs.view(run.job);
        if (view.isUnreadable || !view.runs.some((one) => one.run === run.run)) return;
        const outcome = await this.#resolved(() => this.#options.store.remove(run, view.guard));
        if (outcome.kind === "stored")
          return this.#options.jobs.applyOnTop(entryOf({ kind: "marker", run }, outcome.sequence), view);
        await this.#reader.readAgain(view);
      }
    });
  }

  #decide(
    job: string,
    decide: (view: GuardedView, context: DecisionContext, isFirstTurn: boolean) => Decision | Promise<Decision>,
    isMending = false,
  ): Promise<Settled | undefined> {
    return this.#queue.run(job, async () => {
      const written: string[] = [];
      for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
        this.#options.assertMayDecide();
        const view = this.#options.jobs.view(job);
        const ours = this.#findOurs(view, written);
        if (ours !== undefined) return ours;
        if (view.isUnreadable && !(isMending && view.uncomputable !== undefined)) throw unreadable(view);
        // At once where it can be: between a look at an agent's free slots and their reservation nobody else may look.
        const deciding = decide(view, this.#context(job), conflicts === 0);
        const decision = deciding instanceof Promise ? await deciding : deciding;
        if (decision.kind === "nothing") return undefined;
        if (decision.kind === "reject") throw decision.error;
        if (decision.kind === "known") return this.#settled({ kind: "run", run: decision.run }, false);
        const record = recordOf(decision);
        const outcome = await this.#write(record, view.guard);
        this.#options.onOutcome?.(outcome.kind);
        if (outcome.kind === "stored") {
          this.#options.jobs.applyOnTop(entryOf(record, outcome.sequence), view);
          const before = view.runs.find(({ run }) => record.kind === "run" && run === record.run.run);
          if (record.kind === "run") this.#options.onStored?.(record.run, before);
          return { record, sequence: outcome.sequence, isNew: true };
        }
        const writeId = writeIdOf(record);
        if (writeId !== undefined) written.push(writeId);
        await this.#reader.readAgain(view);
      }
      throw new JobsError("store-unavailable", `“${job}” is being changed by somebody else all the time: try again.`);
    });
  }

  /** What was read after a conflict may be our own write, whose acknowledgement was lost. */
  #findOurs({ runs, definition }: GuardedView, written: readonly string[]): Settled | undefined {
    const run = runs.find((one) => written.includes(one.writeId));
    if (run !== undefined) return this.#settled({ kind: "run", run }, true);
    if (definition === undefined || !written.includes(definition.writeId)) return undefined;
    return this.#settled({ kind: "definition", definition }, true);
  }

  #settled(record: JobRecord, isNew: boolean): Settled {
    const sequence = record.kind === "run" ? this.#options.jobs.find(record.run.run)?.sequence : 0;
    return { record, sequence: sequence ?? 0, isNew };
  }

  async #write(record: JobRecord, guard: number): Promise<KnownOutcome> {
    const { store } = this.#options;
    if (record.kind === "definition") return this.#resolved(() => store.writeDefinition(record.definition, guard));
    if (record.kind === "definition-marker") return this.#resolved(() => store.removeDefinition(record.job, guard));
    const { run } = record;
    const write = (): Promise<KnownOutcome> => this.#resolved(() => store.write(run, guard));
    return this.#reservations.during(newlyAssigned(run, this.#options.jobs.find(run.run)?.run), run.job, write);
  }

  #resolved(send: () => Promise<WriteOutcome>): Promise<KnownOutcome> {
    return resolvedOutcome(send, this.#options);
  }

  #context(job: string): DecisionContext {
    const { jobs, stateOf, now } = this.#options;
    return {
      slotRun: slotRunOf,
      memberRun: memberRunOf,
      stateOf,
      now: now(),
      writeId: randomUUID(),
      isRestoring: this.#options.isRestoring(),
      isPaused: jobs.settings.settings.paused !== undefined,
      agents: this.#agentsFor(job),
    };
  }

  /** What a decision on a job sees of the agents: a place that is kept for it is free for it. */
  #agentsFor(job: string): DecisionContext["agents"] {
    const { agents, silence } = this.#options;
    return {
      get: (id) => {
        const agent = agents.get(id);
        return agent && this.#reservations.on(agent, job);
      },
      list: () => [...agents.views()].map((agent) => this.#reservations.on(agent, job)),
      liveOf: (one) => agents.liveOf(one),
      silentMs: (held) => silence.silentMs(held),
    };
  }
}
