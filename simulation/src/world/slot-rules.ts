/**
 * Rules of slots, by the schedule that was in force at each one's instant: it has one run or one place in a range of skipped
 * ones; none is missing, none comes before its time, none comes of what is no time of the schedule, is paused or in a blackout.
 *
 * Of an edit holds what `docs/schedules.md` says: a schedule that is new, or names other instants, begins when it is saved;
 * what it named up to then has its trace by then; anything else leaves it where it was.
 */
import { JobDefinition, type Run, type StoredSchedule } from "@jobs/core";
import { EPOCH_MS } from "../host/clock.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { instantsIn, isBlack, namedBy } from "./schedule-instants.ts";
import type { WaitingRules } from "./waiting-rules.ts";

/** Clocks of servers differ, and drift. */
const EARLY_MS = 2_000;
/** In a calm time every slot has its trace within this. */
const LATE_MS = 90_000;

/** A schedule since it names the instants that it names. */
interface Planned {
  readonly schedule: StoredSchedule;
  /** Each of its instants up to here has its trace, or was before it; wall ms. */
  readonly tracedMs: number;
}

interface Defined {
  readonly job: string;
  readonly isPaused: boolean;
  /** By id. */
  readonly schedules: Map<string, Planned>;
}

interface Traced {
  readonly untilMs: number;
  readonly count: number;
}

interface SlotRulesOptions {
  readonly hasTrueClocks: boolean;
  readonly hasLag: boolean;
  readonly waiting: Pick<WaitingRules, "wasAllPaused">;
}

export class SlotRules {
  readonly #kernel: Kernel;
  readonly #hasTrueClocks: boolean;
  readonly #hasLag: boolean;
  readonly #waiting: Pick<WaitingRules, "wasAllPaused">;
  /** By the subject of what is said of a job. */
  readonly #defined = new Map<string, Defined>();
  /** The run of each slot, whatever was said of its schedule since. */
  readonly #traces = new Map<string, { readonly run: string; readonly isRow: boolean }>();
  /** What each run stands for. */
  readonly #runs = new Map<string, Traced>();
  /** The last slot of each schedule that has a trace, wall ms. */
  readonly #reached = new Map<string, number>();
  #calmSinceMs = Number.POSITIVE_INFINITY;

  constructor(kernel: Kernel, options: SlotRulesOptions) {
    this.#kernel = kernel;
    this.#hasTrueClocks = options.hasTrueClocks;
    this.#hasLag = options.hasLag;
    this.#waiting = options.waiting;
  }

  calm(): void {
    this.#calmSinceMs = this.#trueMs();
  }

  /** Jobs with a schedule. */
  *jobs(): Iterable<string> {
    for (const { job, schedules } of this.#defined.values()) if (schedules.size > 0) yield job;
  }

  /** Nothing is said of the job any more: what came due a moment ago may have been too late. */
  onDefinitionDeleted(subject: string): void {
    this.#defined.delete(subject);
  }

  onDefinition(subject: string, text: string): void {
    const { job, schedules = [], paused, updatedAt } = JobDefinition.parse(JSON.parse(text));
    const before = this.#defined.get(subject)?.schedules ?? new Map<string, Planned>();
    const savedMs = Date.parse(updatedAt);
    for (const [id, one] of before) {
      const next = schedules.find((schedule) => schedule.id === id);
      if (next === undefined || namedBy(next) !== namedBy(one.schedule))
        this.#end(job, one, { savedMs, isGone: next === undefined });
    }
    const now = schedules.map((schedule): [string, Planned] => {
      const { id } = schedule;
      const known = before.get(id);
      const goesOn = known !== undefined && namedBy(known.schedule) === namedBy(schedule);
      // A moment early, or by another clock, it may have come further already.
      const reachedMs = Math.max(savedMs, this.#reached.get(`${job}/${id}`) ?? savedMs);
      // By a clock that was set back since it may have begun after this.
      const beginsMs = this.#hasTrueClocks ? reachedMs : Math.max(reachedMs, known?.tracedMs ?? reachedMs);
      return [id, { schedule, tracedMs: goesOn ? known.tracedMs : beginsMs }];
    });
    this.#defined.set(subject, { job, isPaused: paused !== undefined, schedules: new Map(now) });
  }

  /** Called with a run that stands for slots, each time that it is stored. */
  onRecord(run: Run): void {
    const { slot } = run;
    if (slot === undefined) return;
    const [fromMs, untilMs] = [Date.parse(slot.at), Date.parse(slot.until ?? slot.at)];
    const before = this.#runs.get(run.run);
    if (before?.untilMs === untilMs) return;
    this.#runs.set(run.run, { untilMs, count: slot.count ?? 1 });
    const name = `slot ${instant(fromMs)} of “${run.job}/${slot.schedule}”`;
    const defined = [...this.#defined.values()].find(({ job }) => job === run.job);
    const planned = defined?.schedules.get(slot.schedule);
    if (defined === undefined || planned === undefined)
      return this.#fail(`${name} has run ${run.run}, and there is no such schedule`);
    const { schedule, tracedMs } = planned;
    const slots = instantsIn(schedule, before?.untilMs ?? fromMs - 1, untilMs);
    const [first = Number.NaN] = slots;
    if ((before === undefined && first !== fromMs) || slots.at(-1) !== untilMs)
      return this.#fail(
        `run ${run.run} is for ${name} to ${instant(untilMs)}, which is no time of it: ${namedBy(schedule)}`,
      );
    const count = (before?.count ?? 0) + slots.length;
    if ((slot.count ?? 1) !== count) this.#fail(`run ${run.run} stands for ${slot.count} slots of ${count}`);
    if (this.#hasTrueClocks && first <= tracedMs)
      this.#fail(`${name} has run ${run.run}; it goes on from ${instant(tracedMs)}`);
    const [missing] = instantsIn(schedule, tracedMs, first - 1);
    if (missing !== undefined) this.#fail(`${name} has run ${run.run}, and the one at ${instant(missing)} has none`);
    for (const at of slots) this.#trace(run, at);
    defined.schedules.set(slot.schedule, { schedule, tracedMs: Math.max(tracedMs, untilMs) });
    const reached = `${run.job}/${slot.schedule}`;
    this.#reached.set(reached, Math.max(untilMs, this.#reached.get(reached) ?? untilMs));
    this.#checkReason(run, { defined, schedule, slots });
    this.#checkLate(name, first + (schedule.jitterMs ?? 0));
  }

  /** Two records of a run that has ended, and one of them may be in HISTORY: then no slot comes to it any more. */
  checkFinal(before: Run, after: Run): void {
    const isInHistory = before.times.settledAt !== undefined || after.times.settledAt !== undefined;
    if (isInHistory && before.slot?.until !== after.slot?.until)
      this.#fail(
        `run ${after.run} is in HISTORY with slots to ${before.slot?.until}, and has them to ${after.slot?.until}`,
      );
  }

  #trace(run: Run, atMs: number): void {
    const key = `${run.job}/${run.slot?.schedule}/${atMs}`;
    const before = this.#traces.get(key);
    // One in a row of skipped ones is not known by itself: a schedule that begins anew by a clock that was set back has it again.
    const mayComeAgain = !this.#hasTrueClocks && before?.isRow === true;
    if (before !== undefined && !mayComeAgain)
      return this.#fail(`slot ${instant(atMs)} of “${run.job}” has the runs ${before.run} and ${run.run}`);
    const decidedMs = EPOCH_MS + (this.#kernel.namedAtMs.get(run.writeId) ?? this.#kernel.nowMs);
    if (this.#hasTrueClocks && atMs > decidedMs + EARLY_MS)
      this.#fail(`slot ${instant(atMs)} of “${run.job}” has a run at ${instant(decidedMs)}`);
    this.#traces.set(key, { run: run.run, isRow: run.slot?.count !== undefined && Date.parse(run.slot.at) !== atMs });
    this.#kernel.count(`reached: slot ${run.state === "skipped" ? `skipped ${run.reason}` : "fired"}`);
  }

  /** Why there is a run or none. */
  #checkReason(
    { run, job, state, reason, times }: Run,
    { defined, schedule, slots }: { defined: Defined; schedule: StoredSchedule; slots: readonly number[] },
  ): void {
    const { jitterMs = 0 } = schedule;
    const isPaused = schedule.paused === true || defined.isPaused;
    for (const at of slots) {
      const isIn = isBlack(schedule, at);
      const mayBeIn = isIn || (jitterMs > 0 && schedule.blackouts !== undefined);
      const what = `slot ${instant(at)} of “${job}” (run ${run}) is ${reason ?? state}`;
      if (isIn && reason !== "blackout") this.#fail(`${what} in a blackout`);
      if (reason === "blackout" && !mayBeIn) this.#fail(`${what}, and there is none`);
      if (isPaused && reason !== "paused" && reason !== "blackout") this.#fail(`${what} while paused`);
      if (reason === "paused" && !isPaused && !this.#waiting.wasAllPaused) this.#fail(`${what}, and nothing is`);
    }
    const [at = 0] = slots;
    const putOffMs = Date.parse(times.dueAt ?? times.submittedAt) - at;
    if (state !== "skipped" && (putOffMs < 0 || putOffMs > jitterMs))
      this.#fail(`run ${run} is due ${putOffMs} ms after its slot`);
  }

  /** Its schedule names other instants, or is gone: up to then each has its trace. */
  #end(job: string, { schedule, tracedMs }: Planned, { savedMs, isGone }: { savedMs: number; isGone: boolean }): void {
    // What was put off when its schedule was taken away does not start any more.
    const untilMs = isGone ? savedMs - (schedule.jitterMs ?? 0) : savedMs;
    const [missing] = instantsIn(schedule, tracedMs, untilMs);
    if (missing !== undefined)
      this.#fail(
        `slot ${instant(missing)} of “${job}/${schedule.id}” has no trace, and its schedule is another since ${instant(savedMs)}`,
      );
    this.#kernel.count(isGone ? "reached: schedule removed" : "reached: schedule retimed");
    if (this.#isTimely()) this.#kernel.count("reached: all slots traced");
  }

  #checkLate(name: string, dueMs: number): void {
    const lateMs = this.#trueMs() - Math.max(dueMs, this.#calmSinceMs);
    if (this.#isTimely() && lateMs > LATE_MS) this.#fail(`${name} has its trace ${lateMs} ms late though all is calm`);
  }

  #isTimely(): boolean {
    return Number.isFinite(this.#calmSinceMs) && this.#hasTrueClocks && !this.#hasLag;
  }

  #trueMs(): number {
    return EPOCH_MS + this.#kernel.nowMs;
  }

  #fail(what: string): void {
    this.#kernel.fail(what);
  }
}

function instant(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : "none";
}
