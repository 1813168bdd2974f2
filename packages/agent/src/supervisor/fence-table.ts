import type { Fence } from "./protocol.ts";

/**
 * The highest fence that this host has seen for each job.
 *
 * An epoch is an opaque string, so its age is the order in which this host first met it: one not met before is newer
 * than all others, and a message that was delayed across a restore of the store names an old one and is stale.
 */
export class FenceTable {
  readonly #epochs = new Map<string, number>();
  readonly #highest = new Map<string, Fence>();

  /** True when the fence does not exceed the highest of the job. */
  isStale(job: string, fence: Fence): boolean {
    const highest = this.#highest.get(job);
    if (highest === undefined) return false;
    if (fence.epoch === highest.epoch) return fence.sequence <= highest.sequence;
    return this.#age(fence.epoch) < this.#age(highest.epoch);
  }

  raise(job: string, fence: Fence): void {
    if (this.isStale(job, fence)) return;
    this.addEpoch(fence.epoch);
    this.#highest.set(job, fence);
  }

  addEpoch(epoch: string): void {
    if (!this.#epochs.has(epoch)) this.#epochs.set(epoch, this.#epochs.size);
  }

  /** Oldest first. */
  epochs(): readonly string[] {
    return [...this.#epochs.keys()];
  }

  entries(): readonly (readonly [job: string, fence: Fence])[] {
    return [...this.#highest];
  }

  #age(epoch: string): number {
    return this.#epochs.get(epoch) ?? Number.POSITIVE_INFINITY;
  }
}
