/** Rules of slots: each has one run or one place in a range of skipped ones; none is missing, none comes before its time. */
import { JobDefinition, type Run } from "@jobs/core";
import { EPOCH_MS } from "../host/clock.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** Clocks of servers differ, and drift. */
const EARLY_MS = 2_000;
/** In a calm time every slot has its trace within this. */
const LATE_MS = 90_000;

interface Scheduled {
  readonly everyMs: number;
  /** Its first slot comes after it, wall ms. */
  readonly sinceMs: number;
  /** The run of each slot, by its wall ms. */
  readonly runs: Map<number, string>;
}

export class SlotRules {
  readonly #kernel: Kernel;
  readonly #hasTrueClocks: boolean;
  readonly #hasLag: boolean;
  /** By the job. */
  readonly #schedules = new Map<string, Scheduled>();
  readonly #jobs = new Map<string, string>();
  #isCalm = false;

  constructor(kernel: Kernel, options: { readonly hasTrueClocks: boolean; readonly hasLag: boolean }) {
    this.#kernel = kernel;
    this.#hasTrueClocks = options.hasTrueClocks;
    this.#hasLag = options.hasLag;
  }

  calm(): void {
    this.#isCalm = true;
  }

  /** Jobs with a schedule. */
  jobs(): Iterable<string> {
    return this.#schedules.keys();
  }

  /** Nothing is said of the job any more. */
  onDefinitionDeleted(subject: string): void {
    this.#schedules.delete(this.#jobs.get(subject) ?? "");
  }

  onDefinition(subject: string, text: string): void {
    const { job, schedules = [], updatedAt } = JobDefinition.parse(JSON.parse(text));
    this.#jobs.set(subject, job);
    const [schedule] = schedules;
    const known = this.#schedules.get(job);
    if (schedule?.every !== undefined && known === undefined)
      this.#schedules.set(job, { everyMs: schedule.every.ms, sinceMs: Date.parse(updatedAt), runs: new Map() });
    if (schedule === undefined && known !== undefined) this.#checkAll(job, known, Date.parse(updatedAt));
  }

  onRecord(run: Run): void {
    const { slot } = run;
    const scheduled = this.#schedules.get(run.job);
    if (slot === undefined || scheduled === undefined) return;
    const { everyMs, runs } = scheduled;
    const [from, to] = [Date.parse(slot.at), Date.parse(slot.until ?? slot.at)];
    const count = (to - from) / everyMs + 1;
    if ((slot.count ?? 1) !== count) this.#kernel.fail(`run ${run.run} stands for ${slot.count} slots of ${count}`);
    const nowMs = EPOCH_MS + (this.#kernel.namedAtMs.get(run.writeId) ?? this.#kernel.nowMs);
    for (let at = from; at <= to; at += everyMs) {
      const before = runs.get(at);
      if (before === run.run) continue;
      if (before !== undefined)
        this.#kernel.fail(`slot ${instant(at)} of “${run.job}” has the runs ${before} and ${run.run}`);
      if (this.#hasTrueClocks && at > nowMs + EARLY_MS)
        this.#kernel.fail(`slot ${instant(at)} of “${run.job}” has a run at ${instant(nowMs)}`);
      runs.set(at, run.run);
      this.#kernel.count(`reached: slot ${run.state === "skipped" ? `skipped ${run.reason}` : "fired"}`);
    }
  }

  /** The schedule is removed: until then every slot has its trace. */
  #checkAll(job: string, { everyMs, sinceMs, runs }: Scheduled, untilMs: number): void {
    this.#schedules.delete(job);
    const first = (Math.floor(sinceMs / everyMs) + 1) * everyMs;
    const last = Math.max(...runs.keys());
    for (let at = first; at <= last; at += everyMs)
      if (!runs.has(at)) this.#kernel.fail(`slot ${instant(at)} of “${job}” has no trace`);
    if (!this.#isCalm || !this.#hasTrueClocks || this.#hasLag) return;
    this.#kernel.count("reached: all slots traced");
    const late = first <= untilMs - LATE_MS && !(last > untilMs - LATE_MS - everyMs);
    if (late) this.#kernel.fail(`“${job}” has slots until ${instant(last)}, and it is ${instant(untilMs)}`);
  }
}

function instant(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : "none";
}
