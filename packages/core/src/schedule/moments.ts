/**
 * From times on a wall clock to instants. Between two changes of the clocks (a period) a zone has one offset, and the times of the wall clock
 * go by in order. Around a change our rules hold:
 * - gap (times that do not exist): `after` takes them as if the clocks had not been changed yet, `before` as if they had been
 *   already (as Temporal's `later` and `earlier` do); `skip` leaves a trace of each, a millisecond beside where `after` has it. No pattern
 *   names a fraction of a second, so that no two of a schedule are the same instant;
 * - fold (times that come twice): the first pass, the second, or both.
 */
import type { FoldRule, GapRule } from "../domain/schedule.ts";
import { compileCron, wallsOf, type WallMs } from "./walls.ts";
import { changeBetween, changeOnDay, periodAt, type Change, type Period } from "./zone.ts";

/** A time of a schedule, as an instant. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly wall: WallMs;
  readonly offsetMs: number;
  /** What the clocks do on that day. */
  readonly change?: Change["kind"] | undefined;
  /** The time that was named and does not exist. */
  readonly meant?: WallMs;
  /** It is only a trace of a time that does not exist. */
  readonly isMissing?: true;
}

/** Times on a wall clock, and what holds where the clocks are changed. */
export interface WallRule {
  /** All from one on, ascending. */
  readonly walls: (from: WallMs) => Generator<WallMs>;
  /** Undefined: a time that does not exist is none of this rule. */
  readonly gap: GapRule | undefined;
  readonly fold: FoldRule;
}

interface Around {
  readonly period: Period;
  readonly before: Period | undefined;
  readonly next: Period | undefined;
  readonly changeIn: Change | undefined;
  readonly changeOut: Change | undefined;
}

interface Rules {
  readonly gap?: GapRule | undefined;
  readonly fold?: FoldRule | undefined;
}

/** Throws a `CronFault`. */
export function cronRule(text: string, { gap = "after", fold }: Rules): WallRule {
  const compiled = compileCron(text);
  const walls: WallRule["walls"] = (from) => wallsOf(compiled, from);
  const { isEveryHour, isEven } = compiled.pattern;
  // What names every hour goes on evenly: it must not stand still in an hour that comes twice.
  if (isEveryHour) return { walls, gap: undefined, fold: "both" };
  return { walls, gap, fold: fold ?? (isEven ? "both" : "first") };
}

/** One time on a wall clock. */
export function onceRule(wall: WallMs, { gap = "after", fold = "first" }: Rules): WallRule {
  return {
    *walls(from) {
      if (wall >= from) yield wall;
    },
    gap,
    fold,
  };
}

/** All moments of a rule in a zone after an instant, ascending, none twice. */
export function* momentsOf(rule: WallRule, zone: string, after: number): Generator<Moment> {
  let period: Period | undefined = periodAt(zone, after);
  while (period !== undefined) {
    const around = lookAround(zone, period);
    const from = Math.max(period.fromMs, after + 1);
    const isSilent = rule.walls(Math.min(from + period.offsetMs, gapOf(around.changeIn)?.from ?? Infinity)).next().done;
    if (isSilent === true) return;
    yield* merge([plainMoments(rule, around, from), movedMoments(rule, around, from)]);
    period = around.next;
  }
}

function lookAround(zone: string, period: Period): Around {
  const before = Number.isFinite(period.fromMs) ? periodAt(zone, period.fromMs - 1) : undefined;
  const next = Number.isFinite(period.toMs) ? periodAt(zone, period.toMs) : undefined;
  const changeIn = before === undefined ? undefined : changeBetween(before, period);
  const changeOut = next === undefined ? undefined : changeBetween(period, next);
  return { period, before, next, changeIn, changeOut };
}

function gapOf(change: Change | undefined): Change | undefined {
  return change?.kind === "gap" ? change : undefined;
}

function* plainMoments(rule: WallRule, around: Around, from: number): Generator<Moment> {
  const { period, changeIn, changeOut } = around;
  const { offsetMs } = period;
  const changes = [changeIn, changeOut].filter((one) => one !== undefined);
  for (const wall of rule.walls(from + offsetMs)) {
    if (wall - offsetMs >= period.toMs) return;
    if (rule.fold === "first" && isInFold(wall, changeIn)) continue;
    if (rule.fold === "second" && isInFold(wall, changeOut)) continue;
    yield { at: wall - offsetMs, wall, offsetMs, change: changeOnDay(changes, wall) };
  }
}

function isInFold(wall: WallMs, change: Change | undefined): boolean {
  return change?.kind === "fold" && change.from <= wall && wall < change.to;
}

/** What stands for the times that do not exist, as far as it is in this period. */
function* movedMoments({ walls, gap }: WallRule, around: Around, from: number): Generator<Moment> {
  if (gap === undefined) return;
  const { period, before, next } = around;
  const change = gapOf(gap === "before" ? around.changeOut : around.changeIn);
  const asIf = gap === "before" ? next : before;
  if (change === undefined || asIf === undefined) return;
  for (const meant of walls(Math.max(change.from, from + asIf.offsetMs - 1))) {
    if (meant >= change.to) return;
    const at = meant - asIf.offsetMs + (gap === "skip" ? 1 : 0);
    if (at < from) continue;
    if (gap === "skip") yield { at, wall: meant, offsetMs: period.offsetMs, change: "gap", meant, isMissing: true };
    else yield { at, wall: at + period.offsetMs, offsetMs: period.offsetMs, change: "gap", meant };
  }
}

/** Sorted streams as one; of what is in both, the first one's. */
function* merge([first, second]: readonly [Generator<Moment>, Generator<Moment>]): Generator<Moment> {
  let one = first.next();
  let other = second.next();
  while (one.done !== true || other.done !== true) {
    if (one.done === true || (other.done !== true && other.value.at < one.value.at)) {
      if (other.done !== true) yield other.value;
      other = second.next();
    } else {
      if (other.done !== true && other.value.at === one.value.at) other = second.next();
      yield one.value;
      one = first.next();
    }
  }
}
