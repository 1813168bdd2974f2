/** The order of lists, the newest submission first, and a place in it as text. A run keeps its place for ever. */
import { JobsError, RunId } from "@jobs/core";
import { countWhile } from "./count-while.ts";
import type { Place } from "./history-rows.ts";

/** Orders the newest first. */
export function compareRuns(one: Place, other: Place): number {
  if (one.submittedAtMs !== other.submittedAtMs) return other.submittedAtMs - one.submittedAtMs;
  if (one.run === other.run) return 0;
  return one.run > other.run ? -1 : 1;
}

/** Says where a page ended, for the request for the next one. */
export function cursorOf({ submittedAtMs, run }: Place): string {
  return `${submittedAtMs.toString(36)}-${run}`;
}

/** What {@link cursorOf} made; throws `invalid-request` for anything else. */
export function placeOf(cursor: string): Place {
  const [, at, run] = /^([0-9a-z]{1,11})-([0-9a-z]+)$/.exec(cursor) ?? [];
  if (at !== undefined && RunId.safeParse(run).success) return { submittedAtMs: parseInt(at, 36), run: run as string };
  const message = "`after` is not right: give it the `next` of the page before, unchanged.";
  throw new JobsError("invalid-request", message, { field: "after" });
}

/** The newest of very many, with no more in memory than are asked for. */
export class NewestRuns<T extends Place> {
  readonly #limit: number;
  readonly #runs: T[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(run: T): void {
    const runs = this.#runs;
    const last = runs.at(-1);
    if (runs.length >= this.#limit && last !== undefined && compareRuns(last, run) <= 0) return;
    const place = countWhile(runs, (one) => compareRuns(one, run) < 0);
    runs.splice(place, 0, run);
    if (runs.length > this.#limit) runs.pop();
  }

  runs(): T[] {
    return this.#runs;
  }
}
