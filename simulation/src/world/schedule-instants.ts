/** What a schedule names, found the plain way: second by second. Not as the product does it, so that the one is held against the other. */
import type { StoredSchedule } from "@jobs/core";

type Instants = Pick<StoredSchedule, "every" | "cron" | "at" | "start" | "end">;

const SECOND_MS = 1_000;

/** The instants after `afterMs` and up to `untilMs`, in order, milliseconds since 1970. Of a pattern it knows seconds and minutes. */
export function instantsIn(schedule: Instants, afterMs: number, untilMs: number): readonly number[] {
  const { every, cron, at = "" } = schedule;
  const startMs = schedule.start === undefined ? undefined : Date.parse(schedule.start);
  const endMs = schedule.end === undefined ? Number.POSITIVE_INFINITY : Date.parse(schedule.end);
  const isIn = (ms: number): boolean => ms > afterMs && ms <= untilMs && ms >= (startMs ?? ms) && ms < endMs;
  if (every === undefined && cron === undefined) return [Date.parse(at)].filter(isIn);
  const stepMs = every?.ms ?? SECOND_MS;
  const originMs = every === undefined ? 0 : (startMs ?? 0);
  const isNamed = cron === undefined ? () => true : patternOf(cron);
  const found: number[] = [];
  const firstMs = Math.max(afterMs, (startMs ?? afterMs) - 1);
  for (let ms = originMs + Math.ceil((firstMs - originMs) / stepMs) * stepMs; ms <= untilMs && ms < endMs; ms += stepMs)
    if (isIn(ms) && isNamed(ms)) found.push(ms);
  return found;
}

/** True in a blackout of the schedule. */
export function isBlack({ blackouts = [] }: Pick<StoredSchedule, "blackouts">, ms: number): boolean {
  return blackouts.some(({ from = "", to = "", cron, forMs = 0 }) =>
    cron === undefined
      ? Date.parse(from) <= ms && ms < Date.parse(to)
      : instantsIn({ cron }, ms - forMs, ms).length > 0,
  );
}

/** Two with the same one name the same instants. */
export function namedBy({ every, cron, at, start, end }: StoredSchedule): string {
  return JSON.stringify([every?.ms, cron, at, start, end]);
}

function patternOf(cron: string): (ms: number) => boolean {
  const [seconds = "", minutes = "", ...others] = cron.split(" ");
  if (others.some((field) => field !== "*")) throw new Error(`${cron} is more than is known here`);
  const [secondsOf, minutesOf] = [valuesOf(seconds), valuesOf(minutes)];
  return (ms) => {
    const at = new Date(ms);
    return secondsOf.has(at.getUTCSeconds()) && minutesOf.has(at.getUTCMinutes());
  };
}

/** All of `1,5-9,0-59/20` and of a star, from 0 to 59. */
function valuesOf(field: string): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of field.replace("*", "0-59").split(",")) {
    const [range = "", step = "1"] = part.split("/");
    const [from = "", to = from] = range.split("-");
    for (let value = Number(from); value <= Number(to); value += Number(step)) values.add(value);
  }
  return values;
}
