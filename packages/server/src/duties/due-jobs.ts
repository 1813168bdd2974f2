/** Has each job decided on when its time comes: a moment early, for what can be handed over by then, and at the instant. */
import { inOrder, nextDueMs } from "@jobs/core/decide";
import type { Logger } from "pino";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import { DueClock } from "./due-clock.ts";

export interface DueJobsOptions {
  readonly jobs: Pick<JobsProjection, "view">;
  /** Takes the steps that the job's state asks for; false when that failed. */
  readonly reconcile: (job: string) => Promise<boolean>;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/** After a failure it is tried again so much later, milliseconds. */
const AGAIN_MS = 1_000;

export class DueJobs {
  readonly #options: DueJobsOptions;
  readonly #clock: DueClock;
  #isActive = false;

  constructor(options: DueJobsOptions) {
    this.#options = options;
    this.#clock = new DueClock({ nowMs: options.nowMs, onDue: (jobs) => this.#onDue(jobs) });
  }

  start(jobs: Iterable<string>): void {
    this.#isActive = true;
    for (const job of jobs) this.set(job);
  }

  stop(): void {
    this.#isActive = false;
    this.#clock.clear();
  }

  /** Something of the job has changed. */
  set(job: string): void {
    if (this.#isActive) this.#clock.set(job, this.#nextMs(job, this.#options.nowMs()));
  }

  /** Deciding on the job has failed. */
  tryAgain(job: string): void {
    if (!this.#isActive) return;
    const nowMs = this.#options.nowMs();
    this.#clock.set(job, Math.min(nowMs + AGAIN_MS, this.#laterMs(job, nowMs)));
  }

  #onDue(due: readonly string[]): void {
    const { jobs, reconcile, nowMs } = this.#options;
    const dueAtMs = nowMs();
    const views = due.map((job) => jobs.view(job));
    for (const { job } of this.#told(() => inOrder(views, dueAtMs), views))
      void reconcile(job).then((isDone) => isDone && this.#lookLater(job, dueAtMs));
  }

  /**
   * What could not be handed over early is looked at again at its instant, though that may have passed while others were
   * looked at; so is what is to come once more because the clock was set back.
   */
  #lookLater(job: string, dueAtMs: number): void {
    if (!this.#isActive) return;
    const atMs = this.#laterMs(job, Math.min(dueAtMs, this.#options.nowMs()));
    if (atMs < Number.POSITIVE_INFINITY) this.#clock.set(job, atMs);
  }

  #nextMs(job: string, nowMs: number): number | undefined {
    return this.#told(() => nextDueMs(this.#options.jobs.view(job), nowMs), undefined);
  }

  /** What can be told of jobs. Where that fails there is a defect, of which the other jobs must not suffer. */
  #told<T>(tell: () => T, otherwise: T): T {
    try {
      return tell();
    } catch (error) {
      this.#options.log.error({ err: error }, "when something of a job comes due could not be told");
      return otherwise;
    }
  }

  /** Infinity when nothing of the job is due later than that. */
  #laterMs(job: string, nowMs: number): number {
    const atMs = this.#nextMs(job, nowMs) ?? Number.POSITIVE_INFINITY;
    return atMs > nowMs ? atMs : Number.POSITIVE_INFINITY;
  }
}
