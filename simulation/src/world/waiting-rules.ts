/** Rules of what waits: holds, pauses, who gives way to whom, and how long a wait may be. */
import {
  currentAttempt,
  hasEnded,
  isBusy,
  isGivenUp,
  isWaiting,
  JobDefinition,
  policyOf,
  Settings,
  type Run,
} from "@jobs/core";
import type { Kernel } from "../kernel/kernel.ts";
import { cameBefore, inLineSince, isOfOneLine } from "./order-rules.ts";
import { delayOf } from "./retry-rules.ts";

/** Clocks of servers differ, and drift. */
const EARLY_MS = 2_000;
/** In a calm time the end of a wait is noticed within this. */
const LATE_MS = 60_000;
/** The same where a replica may lag for minutes, and the server that decides with it. */
const LATE_WITH_LAG_MS = 450_000;

export class WaitingRules {
  /** As the stream has it. */
  readonly pausedJobs = new Set<string>();
  isAllPaused = false;
  /** Now or earlier. */
  wasAllPaused = false;
  readonly #kernel: Kernel;
  readonly #hasTrueClocks: boolean;
  readonly #lateMs: number;
  /** Since when all is paused and somebody was told so, true milliseconds. */
  #allPausedAtMs: number | undefined;
  /** The jobs of which something is said, by the subject of that. */
  readonly #defined = new Map<string, string>();
  readonly #held = new Set<string>();
  readonly #releaseAsked = new Set<string>();
  /** When each wait was decided to begin. */
  readonly #waits = new Map<string, { readonly pendingAt: string | undefined; readonly atMs: number }>();

  constructor(kernel: Kernel, options: { readonly hasTrueClocks: boolean; readonly hasLag: boolean }) {
    this.#lateMs = options.hasLag ? LATE_WITH_LAG_MS : LATE_MS;
    this.#kernel = kernel;
    this.#hasTrueClocks = options.hasTrueClocks;
  }

  onReleaseAsked(run: string): void {
    this.#releaseAsked.add(run);
  }

  /** A client was told that all is paused. */
  onAllPaused(): void {
    if (this.isAllPaused) this.#allPausedAtMs ??= this.#kernel.nowMs;
  }

  onSettings(text: string): void {
    this.isAllPaused = Settings.parse(JSON.parse(text)).paused !== undefined;
    this.wasAllPaused ||= this.isAllPaused;
    if (!this.isAllPaused) this.#allPausedAtMs = undefined;
  }

  onDefinition(subject: string, text: string): void {
    const { job, paused } = JobDefinition.parse(JSON.parse(text));
    this.#defined.set(subject, job);
    if (paused === undefined) this.pausedJobs.delete(job);
    else this.pausedJobs.add(job);
  }

  /** What was said of a job is deleted, which no run of it may live to see. */
  onDefinitionDeleted(subject: string, live: Iterable<Run>): void {
    const job = this.#defined.get(subject);
    if (job === undefined || !this.#defined.delete(subject))
      return this.#broken(`${subject} is deleted, and is not there`);
    this.pausedJobs.delete(job);
    this.#kernel.count("reached: job deleted");
    for (const run of live)
      if (run.job === job && isBusy(run)) this.#broken(`“${job}” is deleted though its run ${run.run} is ${run.state}`);
  }

  /** Called with a record before it is taken over; `find` gives the live runs. */
  onRecord(before: Run | undefined, run: Run, find: (run: string) => Run | undefined): void {
    if (run.hold !== undefined) this.#held.add(run.run);
    if (run.state === "skipped" || run.state === "cancelled") this.#checkGivesWay(before, run, find);
    if (run.reason === "expired-in-queue" && before?.reason === undefined) this.#checkNotEarly(run);
    const { pendingAt } = run.times;
    // What it may wait counts from when it was due or released, also when it had an attempt at once that its host refused.
    if (!isWaiting(run) && before !== undefined && before.times.pendingAt === pendingAt) return;
    if (this.#waits.get(run.run)?.pendingAt !== pendingAt || run.hold !== undefined)
      this.#waits.set(run.run, { pendingAt, atMs: this.#decidedAtMs(run) });
  }

  /** A run gets an attempt. */
  onAssigned(run: Run): void {
    const { run: id, job } = run;
    if (run.hold !== undefined) this.#broken(`run ${id} gets an attempt though it is held`);
    if (this.#held.has(id) && !this.#releaseAsked.has(id))
      this.#broken(`run ${id} gets an attempt though nobody asked for its release`);
    if (this.pausedJobs.has(job)) this.#broken(`run ${id} gets an attempt though “${job}” is paused`);
    if (this.#allPausedAtMs !== undefined && this.#decidedAtMs(run) > this.#allPausedAtMs)
      this.#broken(`run ${id} gets an attempt by a decision after it was said that all is paused`);
  }

  /** In a calm time: nobody waits for longer than it said. */
  checkWaits(runs: Iterable<Run>, calmSinceMs: number): void {
    if (!this.#hasTrueClocks) return;
    for (const run of runs) {
      const wait = this.#waits.get(run.run);
      if (wait === undefined || !isWaiting(run) || run.hold !== undefined) continue;
      const delayMs = delayOf(run, run.attempts.findLast(isGivenUp)?.retryAt);
      const endsMs = Math.max(wait.atMs + delayMs + policyOf(run).waitAtMostMs, calmSinceMs);
      if (this.#kernel.nowMs > endsMs + this.#lateMs)
        this.#broken(
          `run ${run.run} waits since ${wait.atMs} ms and should for ${policyOf(run).waitAtMostMs} ms at most`,
        );
    }
  }

  /** One that only waited gives way to a later one alone. */
  #checkGivesWay(before: Run | undefined, run: Run, find: (run: string) => Run | undefined): void {
    const id = run.cancel?.replacedBy;
    if (id === undefined || before === undefined || hasEnded(before) || currentAttempt(before) !== undefined) return;
    if (before.cancel !== undefined) return; // it had an attempt when it was asked to give way
    const other = find(id);
    this.#kernel.count("reached: gave way while it waited");
    if (other?.job !== run.job) this.#broken(`run ${run.run} gives way to ${id}, which is not there`);
    else if (id === run.run || (run.partOf === undefined && cameBefore(other, run)))
      this.#broken(`run ${run.run} gives way to ${id}, which came first`);
    else if (run.partOf === undefined && isOfOneLine(other, run) && inLineSince(other) > inLineSince(run))
      this.#broken(`run ${run.run} gives way to ${id}, which stands behind others that came after ${run.run}`);
  }

  #checkNotEarly(run: Run): void {
    const wait = this.#waits.get(run.run);
    if (wait === undefined || !this.#hasTrueClocks) return;
    this.#kernel.count("reached: expired in the queue");
    const waitedMs = this.#decidedAtMs(run) - wait.atMs;
    if (waitedMs < policyOf(run).waitAtMostMs - EARLY_MS)
      this.#broken(`run ${run.run} is skipped after ${waitedMs} ms of ${policyOf(run).waitAtMostMs} ms`);
  }

  #decidedAtMs({ writeId }: Run): number {
    return this.#kernel.namedAtMs.get(writeId) ?? this.#kernel.nowMs;
  }

  #broken(what: string): void {
    this.#kernel.fail(what);
  }
}
