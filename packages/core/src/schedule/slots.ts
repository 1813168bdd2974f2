import type { Schedule } from "../domain/schedule.ts";
import { blackoutEnds, blackoutTest } from "./blackout.ts";
import { jitterOf } from "./jitter.ts";
import { cronRule, momentsOf, onceRule, type Moment } from "./moments.ts";
import { changeBetween, changeOnDay, periodAt, writeWall, type Change, type Period } from "./zone.ts";

/** A schedule may skip all of its slots. */
const LOOKS_AT_MOST = 1_000;

/** A time that a schedule names. */
export interface ExpectedSlot {
  /** Its instant, milliseconds since 1970, without jitter; no two slots of a schedule have the same. */
  readonly at: number;
  /** When a run of it is due: `at` and the jitter. */
  readonly dueAt: number;
  /** What the clock on the wall shows then: `2026-11-01T01:30:00-04:00[America/New_York]`. Without the offset, the time that does not exist. */
  readonly wall: string;
  /** Why no run comes of it, by the schedule itself. */
  readonly skip?: "dst-gap" | "blackout";
  /** The clocks are put forward (`gap`) or back (`fold`) on that day. */
  readonly change?: Change["kind"];
  /** The time of the wall clock that was named, when it does not exist and `wall` stands for it. */
  readonly meant?: string;
}

export interface SlotRange {
  /** The job's name: two jobs with the same schedule have different jitters. */
  readonly job: string;
  /** Exclusive, milliseconds since 1970. */
  readonly after: number;
  /** Inclusive. */
  readonly until?: number;
  readonly limit?: number;
}

/**
 * Every slot of a schedule, in order, one by one as they are asked for. Throws a `CronFault` or a RangeError for a schedule in which
 * `findScheduleFault` finds a fault.
 */
export function* slotsOf(schedule: Schedule, range: SlotRange): Generator<ExpectedSlot, undefined, undefined> {
  const { id, zone = "UTC", jitterMs = 0 } = schedule;
  const start = schedule.start === undefined ? Number.NEGATIVE_INFINITY : Date.parse(schedule.start);
  const end = schedule.end === undefined ? Number.POSITIVE_INFINITY : Date.parse(schedule.end);
  const { job, after, until = Number.POSITIVE_INFINITY, limit = Number.POSITIVE_INFINITY } = range;
  const isBlack = blackoutTest(schedule);
  let count = 0;
  if (limit <= 0) return;
  for (const { moment, roomMs } of withRoom(momentsIn(schedule, Math.max(after, start - 1)), jitterMs)) {
    const { at, isMissing, meant } = moment;
    if (at > until || at >= end) return;
    const dueAt = isMissing === true ? at : at + jitterOf(`${job}/${id}/${at}`, roomMs);
    const skip = isMissing === true ? "dst-gap" : isBlack(at) || isBlack(dueAt) ? "blackout" : undefined;
    yield {
      at,
      dueAt,
      wall: writeWall(moment.wall, zone, isMissing === true ? undefined : moment.offsetMs),
      ...(skip === undefined ? {} : { skip }),
      ...(moment.change === undefined ? {} : { change: moment.change }),
      ...(meant === undefined || isMissing === true ? {} : { meant: writeWall(meant, zone) }),
    };
    count++;
    if (count >= limit) return;
  }
}

/** How much later a run may be due at each moment: up to `jitterMs`, but before the next moment, so that none overtakes another. */
function* withRoom(
  moments: Iterable<Moment>,
  jitterMs: number,
): Generator<{ readonly moment: Moment; readonly roomMs: number }> {
  let before: Moment | undefined;
  for (const moment of moments) {
    if (jitterMs === 0) yield { moment, roomMs: 0 };
    else if (before !== undefined) yield { moment: before, roomMs: Math.min(jitterMs, moment.at - before.at - 1) };
    before = moment;
  }
  if (jitterMs > 0 && before !== undefined) yield { moment: before, roomMs: jitterMs };
}

/** The first slot after an instant, also one that is skipped; undefined when there is none any more. */
export function nextSlot(schedule: Schedule, range: Pick<SlotRange, "job" | "after">): ExpectedSlot | undefined {
  return slotsOf(schedule, { ...range, limit: 1 }).next().value;
}

/** The first slot that is due after `dueAfter` and is not skipped by the schedule; of those in a blackout only the first is looked at. */
export function nextFiring(
  schedule: Schedule,
  { job, after, dueAfter }: Pick<SlotRange, "job" | "after"> & { readonly dueAfter: number },
): ExpectedSlot | undefined {
  const endOf = blackoutEnds(schedule);
  let from = after;
  for (let looks = 0; looks < LOOKS_AT_MOST; looks++) {
    const slot = nextSlot(schedule, { job, after: from });
    if (slot === undefined || (slot.skip === undefined && slot.dueAt > dueAfter)) return slot;
    from = Math.max(slot.at, (endOf(slot.at) ?? 0) - 1);
  }
  return undefined;
}

function momentsIn(schedule: Schedule, after: number): Generator<Moment> {
  const { every, cron, at = "", zone = "UTC", start } = schedule;
  if (every !== undefined) {
    return evenMoments({ everyMs: every.ms, origin: start === undefined ? 0 : Date.parse(start), zone }, after);
  }
  if (cron !== undefined) return momentsOf(cronRule(cron, schedule), zone, after);
  if (hasOffset(at)) return instantMoment(Date.parse(at), zone, after);
  return momentsOf(onceRule(Date.parse(`${at}Z`), schedule), zone, after);
}

/** True for an instant, false for a time on the wall clock. */
export function hasOffset(at: string): boolean {
  return /(?:Z|[+-]\d\d:\d\d)$/.test(at);
}

interface Grid {
  readonly everyMs: number;
  readonly origin: number;
  readonly zone: string;
}

function* evenMoments({ everyMs, origin, zone }: Grid, after: number): Generator<Moment> {
  for (let step = Math.floor((after - origin) / everyMs) + 1; ; step++) yield momentAt(origin + step * everyMs, zone);
}

function* instantMoment(at: number, zone: string, after: number): Generator<Moment> {
  if (at > after) yield momentAt(at, zone);
}

function momentAt(at: number, zone: string): Moment {
  const period = periodAt(zone, at);
  const wall = at + period.offsetMs;
  return { at, wall, offsetMs: period.offsetMs, change: changeOnDay(changesNear(period, zone), wall) };
}

/** The changes at both ends of a period. */
function changesNear(period: Period, zone: string): Change[] {
  const before = Number.isFinite(period.fromMs) ? changeBetween(periodAt(zone, period.fromMs - 1), period) : undefined;
  const after = Number.isFinite(period.toMs) ? changeBetween(period, periodAt(zone, period.toMs)) : undefined;
  return [before, after].filter((one) => one !== undefined);
}
