/** How many runs have ended how; counted as they come: there may be very many, and a scrape must not look at each. */
import type { Reason, RunState } from "@jobs/core";

export interface Ending {
  readonly state: RunState;
  readonly reason?: Reason | undefined;
}

export interface EndingCount extends Ending {
  readonly count: number;
}

export class Endings {
  readonly #counts = new Map<string, EndingCount>();

  constructor(endings: Iterable<EndingCount> = []) {
    for (const one of endings) this.add(one, one.count);
  }

  add({ state, reason }: Ending, count: number): void {
    this.#counts.set(keyOf({ state, reason }), { state, reason, count: this.count({ state, reason }) + count });
  }

  count(ending: Ending): number {
    return this.#counts.get(keyOf(ending))?.count ?? 0;
  }

  /** Adds so many as `now` has fewer than `before`. */
  addLost(before: Endings, now: Endings): void {
    for (const one of before.counts()) this.add(one, Math.max(0, one.count - now.count(one)));
  }

  counts(): Iterable<EndingCount> {
    return this.#counts.values();
  }

  clear(): void {
    this.#counts.clear();
  }
}

function keyOf({ state, reason }: Ending): string {
  return `${state} ${reason ?? ""}`;
}
