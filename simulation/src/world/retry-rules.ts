/** Rules of runs that are tried again: no more tries than allowed, none before its time, none after an end that was asked for. */
import { isGivenUp, type Run } from "@jobs/core";
import type { Kernel } from "../kernel/kernel.ts";

/** Clocks of servers differ, and drift. */
const EARLY_MS = 2_000;

export class RetryRules {
  readonly #kernel: Kernel;
  readonly #hasTrueClocks: boolean;
  /** Of each failed try: when that was decided, true milliseconds. */
  readonly #failedAtMs = new Map<string, number>();

  constructor(kernel: Kernel, options: { readonly hasTrueClocks: boolean }) {
    this.#kernel = kernel;
    this.#hasTrueClocks = options.hasTrueClocks;
  }

  onRecord(run: Run): void {
    const failed = run.attempts.filter(({ retryAt }) => retryAt !== undefined);
    for (const { number } of failed) {
      const name = `${run.run}.${number}`;
      if (!this.#failedAtMs.has(name)) this.#failedAtMs.set(name, this.#decidedAtMs(run));
    }
    if (failed.length > (run.retry?.count ?? 0))
      this.#kernel.fail(`run ${run.run} failed ${failed.length} times and is tried again`);
  }

  /** A run gets an attempt. */
  onAssigned(run: Run): void {
    const before = run.attempts.slice(0, -1).findLast(isGivenUp);
    const failedAtMs = this.#failedAtMs.get(`${run.run}.${before?.number}`);
    if (before?.retryAt === undefined || failedAtMs === undefined) return;
    this.#kernel.count("reached: tried again");
    if (run.cancel !== undefined) this.#kernel.fail(`run ${run.run} is tried again though it is to end`);
    const waitedMs = this.#decidedAtMs(run) - failedAtMs;
    const delayMs = delayOf(run, before.retryAt);
    if (this.#hasTrueClocks && waitedMs < delayMs - EARLY_MS)
      this.#kernel.fail(`run ${run.run} is tried again after ${waitedMs} ms of ${delayMs} ms`);
  }

  #decidedAtMs({ writeId }: Run): number {
    return this.#kernel.namedAtMs.get(writeId) ?? this.#kernel.nowMs;
  }
}

/** How long a run waits for its next try before it waits for anything else, milliseconds. */
export function delayOf({ times }: Run, retryAt: string | undefined): number {
  return Math.max(0, Date.parse(retryAt ?? times.submittedAt) - Date.parse(times.pendingAt ?? times.submittedAt));
}
