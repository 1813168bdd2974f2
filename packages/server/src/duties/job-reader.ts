/** Reads a job again from the store: its view is not what the store has. */
import type { JobStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { GuardedView } from "../projection/guarded-view.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";

export interface JobReaderOptions {
  readonly store: Pick<JobStore, "read" | "readAfter">;
  readonly jobs: Pick<JobsProjection, "applyOnTop" | "applySnapshot" | "view">;
  /** Throws when nothing is to be decided here any more. */
  readonly assertMayDecide: () => void;
  readonly log: Logger;
}

const AGAIN_MS = 200;

export class JobReader {
  readonly #options: JobReaderOptions;

  constructor(options: JobReaderOptions) {
    this.#options = options;
  }

  /**
   * After a conflict: what the store has on top of the view. It has no less of the job up to the view's guard, or each
   * write on it would have conflicted. When there is nothing new, the view has what the store has not, or has forgotten
   * what the store still has, and all is read.
   */
  async readAgain(view: GuardedView): Promise<void> {
    const { store, jobs } = this.#options;
    const newer = await this.#reading(view.job, () => store.readAfter(view.job, view.guard));
    for (const entry of newer) jobs.applyOnTop(entry, view);
    if (jobs.view(view.job).guard <= view.guard) await this.readAll(view.job);
  }

  async readAll(job: string): Promise<void> {
    const { store, jobs } = this.#options;
    jobs.applySnapshot(job, await this.#reading(job, () => store.read(job)));
  }

  /** Until it can be read, or nothing is to be decided here any more. */
  async #reading<T>(job: string, read: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await read();
      } catch (error) {
        this.#options.log.warn({ err: error, job }, "reading a job again after a conflict failed");
        this.#options.assertMayDecide();
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}
