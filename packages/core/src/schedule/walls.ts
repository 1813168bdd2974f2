import { Cron } from "croner";
import { CronFault, parseCron, type CronDays, type CronPattern } from "./cron.ts";

/** What the clock on a wall shows, as if it were in UTC, milliseconds. */
export type WallMs = number;

export const DAY_MS = 86_400_000;

/** A pattern that is silent for so long never fires: longer than from one leap day to the next across a century. */
export const SILENT_AT_MOST_MS = 8 * 366 * DAY_MS;

interface CompiledCron {
  readonly pattern: CronPattern;
  /** The first day at or after one, both as their midnight; undefined when there is none any more. */
  readonly findDay: (from: WallMs) => WallMs | undefined;
}

const COMPILED_AT_MOST = 2_000;
/** Of one pattern. */
const DAYS_AT_MOST = 64;
const compiled = new Map<string, CompiledCron>();
/** By the three fields: many patterns name the same days, and these are what takes long to read. */
const finders = new Map<string, CompiledCron["findDay"]>();

/** Throws a {@link CronFault}. Patterns are remembered: most are asked for again. */
export function compileCron(text: string): CompiledCron {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const pattern = parseCron(text);
  const made = { pattern, findDay: dayFinder(pattern.days) };
  if (compiled.size >= COMPILED_AT_MOST) compiled.clear();
  compiled.set(text, made);
  return made;
}

function dayFinder({ dayOfMonth, month, dayOfWeek }: CronDays): CompiledCron["findDay"] {
  if (dayOfMonth === "*" && month === "*" && dayOfWeek === "*") return (from) => Math.ceil(from / DAY_MS) * DAY_MS;
  const fields = `${dayOfMonth} ${month} ${dayOfWeek}`;
  const known = finders.get(fields);
  if (known !== undefined) return known;
  // As cron has it: a day must match both fields if one of them begins with a star, else one of them is enough.
  const domAndDow = dayOfMonth.startsWith("*") || dayOfWeek.startsWith("*");
  let cron: Cron;
  try {
    cron = new Cron(`0 0 0 ${fields}`, {
      mode: "6-part",
      utcOffset: 0,
      paused: true,
      domAndDow,
    });
  } catch (cause) {
    throw new CronFault(`cron: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  // The same few days are asked for again and again.
  const found = new Map<WallMs, WallMs | undefined>();
  const findDay: CompiledCron["findDay"] = (from) => {
    if (found.has(from)) return found.get(from);
    const day = cron.nextRun(new Date(from - 1_000))?.getTime();
    if (found.size >= DAYS_AT_MOST) found.clear();
    found.set(from, day);
    return day;
  };
  if (finders.size >= COMPILED_AT_MOST) finders.clear();
  finders.set(fields, findDay);
  return findDay;
}

/** All times of a pattern on the wall clock from `from` on, ascending; ends when the pattern is silent for too long. */
export function* wallsOf({ pattern, findDay }: CompiledCron, from: WallMs): Generator<WallMs, undefined, undefined> {
  let day = findDay(Math.floor(from / DAY_MS) * DAY_MS);
  let last = from;
  while (day !== undefined && day - last <= SILENT_AT_MOST_MS) {
    yield* timesOf(pattern, day, from);
    last = day;
    day = findDay(day + DAY_MS);
  }
}

function* timesOf({ hours, minutes, seconds }: CronPattern, day: WallMs, from: WallMs): Generator<WallMs> {
  for (const hour of hours) {
    const hourMs = day + hour * 3_600_000;
    if (hourMs + 3_600_000 <= from) continue;
    for (const minute of minutes) {
      const minuteMs = hourMs + minute * 60_000;
      if (minuteMs + 60_000 <= from) continue;
      for (const second of seconds) {
        const wall = minuteMs + second * 1_000;
        if (wall >= from) yield wall;
      }
    }
  }
}
