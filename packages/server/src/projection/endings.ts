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
    const key = `${state} ${reason ?? ""}`;
    this.#counts.set(key, { state, reason, count: (this.#counts.get(key)?.count ?? 0) + count });
  }

  counts(): Iterable<EndingCount> {
    return this.#counts.values();
  }

  clear(): void {
    this.#counts.clear();
  }
}
