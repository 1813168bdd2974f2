import type { Run } from "@jobs/core";

/** So many of the last runs of a job tell how long the next one takes. */
const KEPT = 9;

/** How long the runs of jobs that are in HISTORY took, from their start to their end. */
export class Durations {
  /** The last ones of each job, milliseconds. */
  readonly #last = new Map<string, number[]>();

  /** A run came into HISTORY. */
  note({ job, state, times: { runningAt, endedAt } }: Run): void {
    if (state !== "completed" || runningAt === undefined || endedAt === undefined) return;
    const last = this.#last.get(job) ?? [];
    last.push(Math.max(0, Date.parse(endedAt) - Date.parse(runningAt)));
    if (last.length > KEPT) last.shift();
    this.#last.set(job, last);
  }

  /** None of its runs is in HISTORY any more. */
  forget(job: string): void {
    this.#last.delete(job);
  }

  /** HISTORY is read anew. */
  clear(): void {
    this.#last.clear();
  }

  /** The median of the last ones, milliseconds; undefined when none has completed. */
  of(job: string): number | undefined {
    const last = this.#last.get(job)?.toSorted((one, other) => one - other);
    return last?.[Math.floor(last.length / 2)];
  }
}
