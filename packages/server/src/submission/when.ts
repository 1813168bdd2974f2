/** When a submission is due. */
import { instantOf, JobsError, Schedule } from "@jobs/core";
import { findScheduleFault, nextSlot } from "@jobs/core/schedule";

/** RFC 3339 with an offset; a space in the place of the T is taken, too. */
const WITH_OFFSET = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)$/;
/** A year that was mistyped must not wait for ever. */
const LONGEST_AHEAD_MS = 10 * 366 * 24 * 3_600_000;

/** The instant that is meant, RFC 3339 in UTC; undefined for now. Throws `invalid-request`. */
export function dueAtOf(
  { at, zone }: { at?: string | undefined; zone?: string | undefined },
  nowMs: number,
): string | undefined {
  if (at === undefined) {
    if (zone !== undefined) throw wrong("zone", "`zone` says in which time zone `at` is meant: there is no `at`.");
    return undefined;
  }
  const atMs = WITH_OFFSET.test(at)
    ? Date.parse(at.replace(" ", "T"))
    : zone === undefined
      ? Number.NaN
      : wallClockMs(at, zone);
  if (Number.isNaN(atMs)) {
    const message = `“${at}” is not an instant such as 2026-12-01T02:30:00+01:00, nor a time such as 2026-12-01T02:30 with a \`zone\`.`;
    throw wrong("at", message);
  }
  if (atMs - nowMs > LONGEST_AHEAD_MS) throw wrong("at", `${at} is more than ten years ahead.`);
  return instantOf(atMs);
}

/** A time that the clocks are put over is moved behind the gap; of one that comes twice the first is meant. */
function wallClockMs(at: string, zone: string): number {
  const schedule = Schedule.safeParse({ id: "at", at: at.replace(" ", "T"), zone }).data;
  if (schedule === undefined) return Number.NaN;
  const fault = findScheduleFault(schedule);
  if (fault !== undefined) throw wrong(fault.field, fault.message);
  return nextSlot(schedule, { job: "", after: 0 })?.at ?? Number.NaN;
}

function wrong(field: string, message: string): JobsError {
  return new JobsError("invalid-request", message, { field });
}
