import type { Schedule } from "../domain/schedule.ts";
import { isAlwaysBlack } from "./always-black.ts";
import { CronFault } from "./cron.ts";
import { hasOffset, slotsOf } from "./slots.ts";
import { compileCron, SILENT_AT_MOST_MS } from "./walls.ts";
import { isKnownZone } from "./zone.ts";

/** The field that is wrong, e.g. `blackouts.0.cron`, and a sentence. */
export interface ScheduleFault {
  readonly field: string;
  readonly message: string;
}

/** From where a pattern is looked at that has neither start nor end; the calendar is the same in all times. */
const SOME_DAY_MS = Date.UTC(2024, 0, 1);

/** What is wrong with a schedule beyond its form; undefined when nothing is. That its time is over is no fault: a file may say it again. */
export function findScheduleFault(schedule: Schedule): ScheduleFault | undefined {
  return (
    findUnknown(schedule) ??
    ruleFault(schedule) ??
    spanFault(schedule) ??
    blackoutSilence(schedule) ??
    silence(schedule)
  );
}

/**
 * What this version does not know of a schedule, so that it cannot tell its slots; undefined when it can. Another version may have taken
 * it: one with newer tables of the zones, or with more patterns. Cheap: it is asked of all schedules as they are read.
 */
export function findUnknown(schedule: Schedule): ScheduleFault | undefined {
  return zoneFault(schedule) ?? cronFault(schedule.cron, "cron") ?? blackoutFault(schedule);
}

function zoneFault({ zone = "UTC" }: Schedule): ScheduleFault | undefined {
  const example = 'a zone has an IANA name, e.g. "Europe/Berlin", "America/New_York" or "UTC"';
  if (/^[+-]/.test(zone)) {
    return { field: "zone", message: `zone: "${zone}" is an offset, which knows no daylight saving; ${example}.` };
  }
  return isKnownZone(zone) ? undefined : { field: "zone", message: `zone: "${zone}" is not known; ${example}.` };
}

/** What names instants goes by no wall clock: what is said of one would be passed over. */
function ruleFault({ every, at, zone, gap, fold }: Schedule): ScheduleFault | undefined {
  const isInstant = at !== undefined && hasOffset(at);
  if (isInstant && zone !== undefined)
    return { field: "zone", message: `zone: ${at} has an offset already; leave out one of the two.` };
  if (!isInstant && every === undefined) return undefined;
  const field = gap !== undefined ? "gap" : fold !== undefined ? "fold" : undefined;
  if (field === undefined) return undefined;
  const what = isInstant ? "an at with an offset" : "every";
  return {
    field,
    message: `${field}: ${what} names instants, on which changes of the clocks do nothing; leave it out.`,
  };
}

function cronFault(cron: string | undefined, field: string): ScheduleFault | undefined {
  if (cron === undefined) return undefined;
  try {
    compileCron(cron);
    return undefined;
  } catch (fault) {
    if (!(fault instanceof CronFault)) throw fault;
    return { field, message: fault.message };
  }
}

function blackoutFault({ blackouts = [] }: Schedule): ScheduleFault | undefined {
  for (const [index, { from, to, cron }] of blackouts.entries()) {
    const field = `blackouts.${index}`;
    const fault = cronFault(cron, `${field}.cron`);
    if (fault !== undefined) return fault;
    if (from !== undefined && to !== undefined && Date.parse(to) <= Date.parse(from)) {
      return { field: `${field}.to`, message: `${field}: to (${to}) must be later than from (${from}).` };
    }
  }
  return undefined;
}

function spanFault({ start, end }: Schedule): ScheduleFault | undefined {
  if (start === undefined || end === undefined || Date.parse(end) > Date.parse(start)) return undefined;
  return { field: "end", message: `end (${end}) must be later than start (${start}).` };
}

/** Which blackout would never hold. */
function blackoutSilence({ blackouts = [] }: Schedule): ScheduleFault | undefined {
  const index = blackouts.findIndex(
    ({ cron }) => cron !== undefined && slotsOf({ id: "blackout", cron }, { job: "", after: SOME_DAY_MS }).next().done,
  );
  if (index < 0) return undefined;
  const field = `blackouts.${index}.cron`;
  return {
    field,
    message: `${field}: "${blackouts[index]?.cron}" names no time within 8 years: it would never begin.`,
  };
}

/** Why no run would ever come of it. */
function silence(schedule: Schedule): ScheduleFault | undefined {
  const { cron, every, at, start, end } = schedule;
  const between = [start === undefined ? "" : ` from ${start}`, end === undefined ? "" : ` until before ${end}`].join(
    "",
  );
  if (at !== undefined) return silenceOnce(schedule, at, between);
  const after =
    start !== undefined ? Date.parse(start) - 1 : end !== undefined ? Date.parse(end) - SILENT_AT_MOST_MS : SOME_DAY_MS;
  if (isAlwaysBlack(schedule, after)) {
    const field = cron === undefined ? "every" : "cron";
    return { field, message: `${field}: each of its times${between} is in a blackout: it would never fire.` };
  }
  if (every !== undefined || slotsOf(schedule, { job: "", after, limit: 1 }).next().done !== true) return undefined;
  const where = between === "" ? "within 8 years" : between.trim();
  return { field: "cron", message: `cron: "${cron}" names no time ${where}: it would never fire.` };
}

function silenceOnce(schedule: Schedule, at: string, between: string): ScheduleFault | undefined {
  const zone = schedule.zone ?? "UTC";
  const named = hasOffset(at) ? Date.parse(at) : Date.parse(`${at}Z`);
  // A wall clock is less than two days from UTC, and a gap is shorter than two more. By how much it is put off depends on the job.
  const slots = [...slotsOf({ ...schedule, jitterMs: 0 }, { job: "", after: named - 4 * 86_400_000 })];
  if (slots.some(({ skip }) => skip === undefined)) return undefined;
  const why =
    slots.length === 0
      ? `it is not${between}`
      : slots[0]?.skip === "dst-gap"
        ? `the clocks of ${zone} go forward over it, and gap is "skip"`
        : "it is in a blackout";
  return { field: "at", message: `at: ${at} would never fire: ${why}.` };
}
