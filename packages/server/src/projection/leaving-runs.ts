/**
 * Runs on their way into HISTORY: of what the store removed and what it put there, two watches tell, each at its own pace. So
 * that a run is in lists all the time, it is kept from its marker on until its record in HISTORY is seen.
 */
import type { Run } from "@jobs/core";
import type { HistoryIndex } from "./history-index.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import { submittedRun, type SubmittedRun } from "./run-matches.ts";

export interface LeavingRunsOptions {
  readonly jobs: JobsProjection;
  readonly history: Pick<HistoryIndex, "erasedAt">;
}

interface Leaving extends SubmittedRun {
  /** Where its job's history was last deleted when it left. */
  readonly erasedAt: number;
}

export class LeavingRuns {
  readonly #options: LeavingRunsOptions;
  readonly #leaving = new Map<string, Leaving>();
  /** Live runs that are in HISTORY, or were until that was deleted. */
  readonly #arrived = new Set<string>();

  constructor(options: LeavingRunsOptions) {
    this.#options = options;
    const { jobs, history } = options;
    jobs.on("removed", (run) => {
      if (this.#arrived.delete(run.run) || !jobs.isRemoved(run)) return;
      this.#forgetGone();
      this.#leaving.set(run.run, { erasedAt: history.erasedAt(run.job), ...submittedRun(run) });
    });
    jobs.on("reset", () => {
      this.#leaving.clear();
      this.#arrived.clear();
    });
  }

  /** Its record in HISTORY was seen. */
  onFinished({ run }: Run): void {
    this.#leaving.delete(run);
    if (this.#options.jobs.find(run) !== undefined) this.#arrived.add(run);
  }

  *runs(): Generator<SubmittedRun> {
    for (const one of this.#leaving.values()) if (this.#isLeaving(one)) yield one;
  }

  /** Not once its job's history was deleted, nor when its marker is over: then there is nothing to wait for. */
  #isLeaving({ run, erasedAt }: Leaving): boolean {
    const { jobs, history } = this.#options;
    return jobs.isRemoved(run) && history.erasedAt(run.job) === erasedAt;
  }

  #forgetGone(): void {
    for (const [id, one] of this.#leaving) {
      if (this.#isLeaving(one)) return;
      this.#leaving.delete(id);
    }
  }
}
