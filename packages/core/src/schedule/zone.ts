import { Temporal } from "temporal-polyfill";
import { DAY_MS, type WallMs } from "./walls.ts";

/** A time in which the clocks of a zone are not changed: from `fromMs` until before `toMs`, infinite at the ends. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
  /** What is added to UTC to get the wall clock. */
  readonly offsetMs: number;
}

/** The wall clock times that do not exist (`gap`), or come twice (`fold`): from `from` until before `to`. */
export interface Change {
  readonly kind: "gap" | "fold";
  readonly from: WallMs;
  readonly to: WallMs;
}

/** By zone, what was found of it so far, in no order. */
const known = new Map<string, Period[]>();

/** Zones that are unknown here: to find that out takes a tenth of a millisecond, and very many schedules may name one. */
const unknown = new Set<string>();
const UNKNOWN_AT_MOST = 1_000;

/** True for a zone of which the tables of this Node.js know. */
export function isKnownZone(zone: string): boolean {
  if (known.has(zone)) return true;
  if (unknown.has(zone)) return false;
  try {
    periodAt(zone, 0);
    return true;
  } catch {
    if (unknown.size >= UNKNOWN_AT_MOST) unknown.clear();
    unknown.add(zone);
    return false;
  }
}

/** The period of a zone that holds an instant. Throws a RangeError for a zone that is unknown here. */
export function periodAt(zone: string, ms: number): Period {
  const periods = known.get(zone) ?? [];
  const found = periods.findLast(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
  if (found !== undefined) return found;
  const there = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);
  const before = there.add({ nanoseconds: 1 }).getTimeZoneTransition("previous");
  const made = {
    fromMs: before?.epochMilliseconds ?? Number.NEGATIVE_INFINITY,
    toMs: there.getTimeZoneTransition("next")?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    offsetMs: there.offsetNanoseconds / 1e6,
  };
  periods.push(made);
  known.set(zone, periods);
  return made;
}

/** How the clocks are changed where one period ends and the next begins; undefined when they are not. */
export function changeBetween(before: Period, after: Period): Change | undefined {
  const from = before.toMs + Math.min(before.offsetMs, after.offsetMs);
  const to = before.toMs + Math.max(before.offsetMs, after.offsetMs);
  if (from === to) return undefined;
  return { kind: after.offsetMs > before.offsetMs ? "gap" : "fold", from, to };
}

/** What the clocks do on the day of a wall clock time: nothing on most days. */
export function changeOnDay(changes: readonly Change[], wall: WallMs): Change["kind"] | undefined {
  const day = Math.floor(wall / DAY_MS);
  return changes.find(({ from, to }) => Math.floor(from / DAY_MS) <= day && day <= Math.floor((to - 1) / DAY_MS))?.kind;
}

/** E.g. `2026-11-01T01:30:00-04:00[America/New_York]`; without the offset for a time that does not exist. */
export function writeWall(wall: WallMs, zone: string, offsetMs?: number): string {
  const text = new Date(wall).toISOString();
  const shown = text.slice(0, wall % 1_000 === 0 ? 19 : 23);
  return `${shown}${offsetMs === undefined ? "" : writeOffset(offsetMs)}[${zone}]`;
}

function writeOffset(offsetMs: number): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1_000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const rest = seconds % 60 === 0 ? "" : `:${two(seconds % 60)}`;
  return `${offsetMs < 0 ? "-" : "+"}${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}${rest}`;
}
