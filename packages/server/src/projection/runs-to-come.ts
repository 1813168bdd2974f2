/** The live runs that have not begun, in line, and those that have hosts still to come; as they are asked for by people. */
import { hasEnded, isAhead, isWaiting, type Run } from "@jobs/core";
import { byLine } from "@jobs/core/decide";

export class RunsToCome {
  readonly #waiting = new Sorted(byLine);
  readonly #ahead = new Sorted(byTime);
  readonly #onHosts = new Set<Run>();

  add(run: Run): void {
    this.#placeOf(run)?.add(run);
  }

  remove(run: Run): void {
    this.#placeOf(run)?.delete(run);
  }

  clear(): void {
    for (const one of [this.#waiting, this.#ahead, this.#onHosts]) one.clear();
  }

  /** Those that are due and wait, parts of runs for several hosts included. */
  get waiting(): readonly Run[] {
    return this.#waiting.all();
  }

  /** Those whose time is still to come, by their times. */
  get ahead(): readonly Run[] {
    return this.#ahead.all();
  }

  /** Those for several hosts that have begun and not ended. */
  get onHosts(): Iterable<Run> {
    return this.#onHosts;
  }

  #placeOf(run: Run): Sorted | Set<Run> | undefined {
    if (isWaiting(run)) return this.#waiting;
    if (hasEnded(run)) return undefined;
    return isAhead(run) ? this.#ahead : run.fanOut === undefined ? undefined : this.#onHosts;
  }
}

/** Brought up to date when it is asked for: what has come since is sorted, and merged with the rest. */
class Sorted {
  readonly #compare: (one: Run, other: Run) => number;
  #sorted: readonly Run[] = [];
  readonly #come = new Set<Run>();
  readonly #gone = new Set<Run>();

  constructor(compare: (one: Run, other: Run) => number) {
    this.#compare = compare;
  }

  add(run: Run): void {
    this.#come.add(run);
  }

  delete(run: Run): void {
    if (this.#come.delete(run)) return;
    this.#gone.add(run);
    if (this.#gone.size > this.#sorted.length / 2) this.#forgetGone(); // nobody may ask for long
  }

  clear(): void {
    this.#sorted = [];
    this.#come.clear();
    this.#gone.clear();
  }

  all(): readonly Run[] {
    if (this.#gone.size > 0) this.#forgetGone();
    if (this.#come.size > 0) this.#sorted = merged(this.#sorted, [...this.#come].sort(this.#compare), this.#compare);
    this.#come.clear();
    return this.#sorted;
  }

  #forgetGone(): void {
    this.#sorted = this.#sorted.filter((run) => !this.#gone.has(run));
    this.#gone.clear();
  }
}

function merged<T>(some: readonly T[], others: readonly T[], compare: (one: T, other: T) => number): T[] {
  const all: T[] = [];
  let next = 0;
  for (const one of some) {
    for (let other = others[next]; other !== undefined && compare(other, one) < 0; other = others[++next])
      all.push(other);
    all.push(one);
  }
  for (; next < others.length; next++) all.push(others[next] as T);
  return all;
}

function byTime(one: Run, other: Run): number {
  const [a, b] = [one, other].map(({ times: { dueAt, submittedAt } }) => dueAt ?? submittedAt) as [string, string];
  return a < b ? -1 : a > b ? 1 : byLine(one, other);
}
