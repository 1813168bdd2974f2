import { EventEmitter, once } from "node:events";
/** All runs, live and finished, as the API shows them. */
import { JobsError, RunState, viewOfRun, type Artifact, type Run, type RunCounts, type RunView } from "@jobs/core";
import type { Durations } from "./durations.ts";
import type { FinishedRecords } from "./finished-records.ts";
import type { HistoryIndex, ListedRun } from "./history-index.ts";
import type { Place } from "./history-rows.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import { LeavingRuns } from "./leaving-runs.ts";
import { compareRuns, cursorOf, NewestRuns, placeOf } from "./newest-runs.ts";
import { runTest, submittedRun, type RunSelection, type SubmittedRun } from "./run-matches.ts";
import type { RunPresenter } from "./run-presenter.ts";
import { shared } from "./shared.ts";

/** Which part of a list. */
export interface PageOf {
  readonly limit: number;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

export interface ArtifactsOfAttempt {
  /** Its number; 0: there is none. */
  readonly attempt: number;
  readonly artifacts: readonly Artifact[];
}

export interface RunsOptions {
  readonly jobs: JobsProjection;
  readonly history: HistoryIndex;
  readonly presenter: RunPresenter;
  readonly records: FinishedRecords;
  /** Resolves once everything that was stored when it was called has been seen. */
  readonly catchUp: () => Promise<void>;
  /** True while this server decides: then it has seen all that anybody was told to be stored. */
  readonly mayDecide: () => boolean;
}

/**
 * On its way into HISTORY a run may have left what lives, and not be there yet when all that was stored at the first look
 * was seen: its record was written before its marker, and so it is seen with all that was stored at the second.
 */
const LOOKS = 3;

/** Emits, under a run's id, each new view of it. */
export class Runs extends EventEmitter<Record<string, [RunView]>> {
  readonly #options: RunsOptions;
  readonly #leaving: LeavingRuns;
  readonly #catchUp: () => Promise<void>;

  constructor(options: RunsOptions) {
    super();
    this.setMaxListeners(0);
    this.#options = options;
    this.#leaving = new LeavingRuns(options);
    this.#catchUp = shared(options.catchUp);
    options.jobs.on("run", (run) => this.#emitLive(run));
  }

  /** How long runs of jobs took. */
  get durations(): Pick<Durations, "of"> {
    return this.#options.history.durations;
  }

  /** Tells those who follow a run what has changed beside its record: above all that its host fell silent. */
  refresh(): void {
    for (const id of this.eventNames()) {
      const live = this.#options.jobs.find(String(id));
      if (live !== undefined) this.#emitLive(live.run);
    }
  }

  /** Live runs whose next step should have been done by now, the longest overdue first. */
  overdue(): readonly RunView[] {
    const { jobs, presenter } = this.#options;
    const overdue = [...jobs.runs()].filter(({ run }) => presenter.isOverdue({ next: presenter.ownershipOf(run) }));
    const deadline = ({ next }: RunView): string => next?.deadlineAt ?? "";
    const views = overdue.map(({ run }) => presenter.present(run));
    return views.sort((one, other) => deadline(one).localeCompare(deadline(other)));
  }

  #emitLive(run: Run): void {
    if (this.listenerCount(run.run) > 0) this.emit(run.run, this.#options.presenter.present(run));
  }

  /** A run came into HISTORY. */
  onFinished(run: Run, sequence: number): void {
    this.#options.history.add(run, sequence);
    this.#leaving.onFinished(run);
    this.#options.records.note(run);
    if (this.listenerCount(run.run) > 0) this.emit(run.run, viewOfRun(run));
  }

  /** Where the job's history was last deleted: a sequence of HISTORY; 0: never. */
  erasedAt(job: string): number {
    return this.#options.history.erasedAt(job);
  }

  /** True once it is in HISTORY, as far as this server knows. */
  isSettled(id: string): boolean {
    return this.#options.history.has(id);
  }

  /** Undefined when this server knows of none; throws `store-unavailable` when its record cannot be read. */
  async find(id: string): Promise<RunView | undefined> {
    const { history, records, jobs, presenter } = this.#options;
    const finished = history.find(id);
    const record = finished === undefined ? undefined : await records.find(finished.job, id);
    if (record !== undefined) return viewOfRun(record);
    const live = jobs.find(id);
    return live === undefined ? undefined : presenter.present(live.run);
  }

  /**
   * Throws `run-unknown`, but not before this server has seen all that is stored: another one may have accepted it just
   * now; `store-unavailable` when it cannot see that, or cannot read the run's record.
   */
  async get(id: string): Promise<RunView> {
    for (let looks = 0; looks < LOOKS; looks++) {
      if (looks > 0) await this.catchUp();
      const found = await this.find(id);
      if (found !== undefined) return found;
    }
    this.#options.history.assertReadable(id);
    throw unknown(id, "run");
  }

  /** Resolves once this server has seen all that was stored when it was called; `store-unavailable` when it cannot. */
  async catchUp(): Promise<void> {
    try {
      await this.#catchUp();
    } catch (cause) {
      const message = "This server does not hear from NATS, and cannot tell whether there is such a thing: try again.";
      throw new JobsError("store-unavailable", message, { cause });
    }
  }

  /** Resolves once this server has seen all that anybody was told to be stored before; `store-unavailable` when it cannot. */
  async seeAccepted(): Promise<void> {
    if (!this.#options.mayDecide()) await this.catchUp();
  }

  /** The whole record of a run. Throws `run-unknown`. */
  async getRecord(id: string): Promise<Run> {
    const { job } = await this.get(id);
    // What it left is in HISTORY alone.
    const live = this.isSettled(id) ? undefined : this.#options.jobs.find(id)?.run;
    const record = live ?? (await this.#options.records.find(job, id));
    if (record === undefined) throw unknown(id, "run");
    return record;
  }

  /**
   * The files that an attempt left; if none is named, the last one that its host did not refuse. None before the run is
   * settled. Throws `run-unknown`, `invalid-request`.
   */
  async artifacts(id: string, attempt?: number): Promise<ArtifactsOfAttempt> {
    const { attempts, output } = await this.getRecord(id);
    if (attempt === undefined) return output?.attempts.at(-1) ?? { attempt: 0, artifacts: [] };
    if (attempts.every(({ number }) => number !== attempt)) throw attemptUnknown(id, attempt);
    return output?.attempts.find((one) => one.attempt === attempt) ?? { attempt, artifacts: [] };
  }

  /** A page of runs, the newest first. Throws `invalid-request` when `after` is no place in a list. */
  async list(filter: RunSelection, { limit, after }: PageOf): Promise<{ runs: RunView[]; next?: string }> {
    const listed = this.#newest(filter, { limit: limit + 1, after: after === undefined ? undefined : placeOf(after) });
    const page = listed.slice(0, limit);
    const last = page.at(-1);
    const views = await Promise.all(page.map((one) => this.#viewOf(one)));
    // One whose time in HISTORY is over may be gone by now.
    const runs = views.filter((view) => view !== undefined);
    return last === undefined || listed.length <= limit ? { runs } : { runs, next: cursorOf(last) };
  }

  /** The newest run of a job, in one of these states if any are given, as far as this server knows. */
  findLatest(job: string, state?: readonly RunState[]): ListedRun | undefined {
    return this.#newest({ job, state: state && [...state] }, { limit: 1 })[0];
  }

  count(filter: RunSelection): RunCounts {
    const states = Object.fromEntries(RunState.options.map((state) => [state, 0])) as Record<RunState, number>;
    this.#options.history.count(filter, (state, runs) => (states[state] += runs));
    for (const { run } of this.#live(filter)) states[run.state]++;
    return { total: Object.values(states).reduce((sum, runs) => sum + runs, 0), states };
  }

  #newest(filter: RunSelection, { limit, after }: { limit: number; after?: Place | undefined }): ListedLive[] {
    const newest = new NewestRuns<ListedLive>(limit);
    for (const live of this.#live(filter)) {
      const listed = listedRun(live);
      if (after === undefined || compareRuns(listed, after) > 0) newest.add(listed);
    }
    for (const one of this.#options.history.list(filter, { limit, after })) newest.add(one);
    return newest.runs();
  }

  /** Those that are not in HISTORY yet. */
  *#live(filter: RunSelection): Generator<SubmittedRun> {
    const isWanted = runTest(filter);
    const { jobs, history } = this.#options;
    const live = filter.job === undefined ? jobs.runs() : jobs.view(filter.job).runs.map(submittedRun);
    for (const runs of [live, this.#leaving.runs()])
      for (const one of runs) if (isWanted(one) && !history.has(one.run.run)) yield one;
  }

  async #viewOf({ job, run, live }: ListedLive): Promise<RunView | undefined> {
    if (live !== undefined) return this.#options.presenter.present(live);
    const record = await this.#options.records.find(job, run);
    return record === undefined ? undefined : viewOfRun(record);
  }

  /** The views of a run from now on, beginning with the present one, until the signal. */
  async *follow(id: string, signal: AbortSignal): AsyncGenerator<RunView> {
    // The wait for the next change begins before the present one is read: none falls between.
    let changed = this.#nextChange(id, signal);
    yield await this.get(id);
    for (;;) {
      const view = await changed;
      if (view === undefined) return;
      changed = this.#nextChange(id, signal);
      yield (await this.find(id)) ?? view;
    }
  }

  /** The next view of a run; undefined once the signal comes. */
  #nextChange(id: string, signal: AbortSignal): Promise<RunView | undefined> {
    return once(this, id, { signal }).then(
      ([view]) => view as RunView,
      () => undefined,
    );
  }
}

/** The error for an attempt that never was. */
export function attemptUnknown(run: string, attempt: number): JobsError {
  return new JobsError("invalid-request", `Run ${run} has no attempt ${attempt}.`, { field: "attempt" });
}

function unknown(id: string, field: string): JobsError {
  return new JobsError("run-unknown", `There is no run ${id}.`, { field });
}

interface ListedLive extends ListedRun {
  readonly live?: Run;
}

function listedRun({ run: live, submittedAtMs }: SubmittedRun): ListedLive {
  const { job, run, state } = live;
  return { job, run, state, submittedAtMs, live };
}
