import { currentAttempt, hasEnded, type Run } from "@jobs/core";

/** How many attempts of live runs each agent has, and when that changed last. */
export class Occupancy {
  readonly #monotonicMs: () => number;
  readonly #assigned = new Map<string, number>();
  readonly #usedAtMs = new Map<string, number>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  add(run: Run): void {
    this.#count(run, 1);
  }

  remove(run: Run): void {
    this.#count(run, -1);
  }

  clear(): void {
    this.#assigned.clear();
  }

  /** Attempts that are assigned to the agent and not known to have ended. */
  of(agent: string): number {
    return this.#assigned.get(agent) ?? 0;
  }

  /** When it was assigned something last, or something on it ended, monotonic ms; undefined when that was never. */
  usedAtMs(agent: string): number | undefined {
    return this.#usedAtMs.get(agent);
  }

  #count(run: Run, change: 1 | -1): void {
    const agent = hasEnded(run) ? undefined : currentAttempt(run)?.agent;
    if (agent === undefined) return;
    this.#assigned.set(agent, this.of(agent) + change);
    this.#usedAtMs.set(agent, this.#monotonicMs());
  }
}
