/** When a submission is due. */
import { instantOf, JobsError, Schedule } from "@jobs/core";
import { findScheduleFault, hasOffset, nextSlot } from "@jobs/core/schedule";

/** A year that was mistyped must not wait for ever. */
const LONGEST_AHEAD_MS = 10 * 366 * 24 * 3_600_000;

/**
 * The instant that is meant, RFC 3339 in UTC; undefined for now. Of a wall clock, a time that the clocks are put over is moved
 * behind the gap; of one that comes twice the first is meant. Throws `invalid-request`.
 */
export function dueAtOf(
  { at, zone }: { at?: string | undefined; zone?: string | undefined },
  nowMs: number,
): string | undefined {
  if (at === undefined) {
    if (zone !== undefined) throw wrong("zone", "`zone` says in which time zone `at` is meant: there is no `at`.");
    return undefined;
  }
  const schedule = Schedule.safeParse({ id: "at", at: writtenOut(at), zone }).data;
  if (schedule === undefined || (zone === undefined && !hasOffset(schedule.at ?? ""))) throw noInstant(at);
  const fault = findScheduleFault(schedule);
  if (fault !== undefined) throw wrong(fault.field, fault.message);
  const atMs = nextSlot(schedule, { job: "", after: 0 })?.at;
  if (atMs === undefined) throw noInstant(at);
  if (atMs - nowMs > LONGEST_AHEAD_MS) throw wrong("at", `${at} is more than ten years ahead.`);
  return instantOf(atMs);
}

/** As a schedule's `at` must be: a space for the T, small letters, no seconds, an offset without its colon are taken, too. */
function writtenOut(at: string): string {
  const seconds = at
    .replace(" ", "T")
    .toUpperCase()
    .replace(/^(.{16})(?=[Z+-])/, "$1:00");
  return seconds.replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
}

function noInstant(at: string): JobsError {
  const message = `“${at}” is not an instant such as 2026-12-01T02:30:00+01:00, nor a time such as 2026-12-01T02:30 with a \`zone\`: of a day and an hour that exist.`;
  return wrong("at", message);
}

function wrong(field: string, message: string): JobsError {
  return new JobsError("invalid-request", message, { field });
}
