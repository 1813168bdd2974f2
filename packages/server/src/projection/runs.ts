import { EventEmitter, once } from "node:events";
/** All runs, live and finished, as the API shows them. */
import { JobsError, viewOfRun, type Artifact, type Run, type RunView } from "@jobs/core";
import type { HistoryIndex } from "./history-index.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { RunPresenter } from "./run-presenter.ts";

export interface RunFilter {
  readonly job?: string | undefined;
  readonly state?: string | undefined;
  readonly limit: number;
  readonly before?: string | undefined;
}

export interface RunsOptions {
  readonly jobs: JobsProjection;
  readonly history: HistoryIndex;
  readonly presenter: RunPresenter;
  /** Reads a finished run from HISTORY. */
  readonly findFinished: (job: string, run: string) => Promise<Run | undefined>;
  /** Resolves once everything that was stored when it was called has been seen. */
  readonly catchUp: () => Promise<void>;
}

/** Emits, under a run's id, each new view of it. */
export class Runs extends EventEmitter<Record<string, [RunView]>> {
  readonly #options: RunsOptions;

  constructor(options: RunsOptions) {
    super();
    this.setMaxListeners(0);
    this.#options = options;
    options.jobs.on("run", (run) => this.#emitLive(run));
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
    const views = [...jobs.runs()].map(({ run }) => presenter.present(run));
    const deadline = ({ next }: RunView): string => next?.deadlineAt ?? "";
    return views
      .filter((view) => presenter.isOverdue(view))
      .sort((one, other) => deadline(one).localeCompare(deadline(other)));
  }

  #emitLive(run: Run): void {
    if (this.listenerCount(run.run) > 0) this.emit(run.run, this.#options.presenter.present(run));
  }

  /** A run came into HISTORY. */
  onFinished(run: Run, sequence: number): void {
    this.#options.history.add(run, sequence);
    this.emit(run.run, viewOfRun(run));
  }

  /** Where the job's history was last deleted: a sequence of HISTORY; 0: never. */
  erasedAt(job: string): number {
    return this.#options.history.erasedAt(job);
  }

  find(id: string): RunView | undefined {
    const finished = this.#options.history.find(id);
    if (finished !== undefined) return finished.view;
    const live = this.#options.jobs.find(id);
    return live === undefined ? undefined : this.#options.presenter.present(live.run);
  }

  /** As {@link find}; also of a run of which the index alone does not tell all. */
  findView(id: string): Promise<RunView | undefined> {
    return Promise.resolve(this.find(id));
  }

  /**
   * Throws `run-unknown`, but not before this server has seen all that is stored: another one may have accepted it just
   * now; `store-unavailable` when it cannot see that, or cannot read the run's record.
   */
  async get(id: string): Promise<RunView> {
    const known = this.find(id);
    if (known !== undefined) return known;
    await this.catchUp();
    const found = this.find(id);
    if (found !== undefined) return found;
    this.#options.history.assertReadable(id);
    throw unknown(id, "run");
  }

  /** Resolves once this server has seen all that was stored when it was called; `store-unavailable` when it cannot. */
  async catchUp(): Promise<void> {
    try {
      await this.#options.catchUp();
    } catch (cause) {
      const message = "This server does not hear from NATS, and cannot tell whether there is such a thing: try again.";
      throw new JobsError("store-unavailable", message, { cause });
    }
  }

  /** The whole record of a run. Throws `run-unknown`. */
  async getRecord(id: string): Promise<Run> {
    const { job } = await this.get(id);
    const record = this.#options.jobs.find(id)?.run ?? (await this.#options.findFinished(job, id));
    if (record === undefined) throw unknown(id, "run");
    return record;
  }

  /** What an attempt left, the last one if none is named; nothing before the run is settled. Throws `run-unknown`, `invalid-request`. */
  async artifacts(id: string, attempt?: number): Promise<readonly Artifact[]> {
    const view = await this.get(id);
    if (attempt === undefined || attempt === view.attempt) return view.output?.artifacts ?? [];
    const { attempts, output } = await this.getRecord(id);
    if (attempts.some(({ number }) => number === attempt))
      return output?.attempts.find((one) => one.attempt === attempt)?.artifacts ?? [];
    throw new JobsError("invalid-request", `Run ${id} has no attempt ${attempt}.`, { field: "attempt" });
  }

  /** The newest first. */
  list(filter: RunFilter): readonly RunView[] {
    const views: RunView[] = [];
    const cut = filter.before === undefined ? undefined : this.find(filter.before);
    if (filter.before !== undefined && cut === undefined) throw unknown(filter.before, "before");
    const take = (view: RunView): void => {
      if (view.partOf !== undefined) return;
      if (filter.job !== undefined && view.job !== filter.job) return;
      if (filter.state !== undefined && view.state !== filter.state) return;
      if (cut === undefined || newestFirst(cut, view) < 0) views.push(view);
    };
    for (const { view } of this.#options.history.views()) take(view);
    for (const { run } of this.#options.jobs.runs())
      if (this.#options.history.find(run.run) === undefined) take(this.#options.presenter.present(run));
    return views.sort(newestFirst).slice(0, filter.limit);
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
      yield this.find(id) ?? view;
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

function unknown(id: string, field: string): JobsError {
  return new JobsError("run-unknown", `There is no run ${id}.`, { field });
}

function newestFirst(one: RunView, other: RunView): number {
  return other.times.submittedAt.localeCompare(one.times.submittedAt) || other.run.localeCompare(one.run);
}
