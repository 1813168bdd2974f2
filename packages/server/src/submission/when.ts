/** When a submission is due. */
import { JobsError } from "@jobs/core";

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
  const atMs = WITH_OFFSET.test(at) ? Date.parse(at.replace(" ", "T")) : Number.NaN;
  if (Number.isNaN(atMs)) throw wrong("at", `“${at}” is not an instant such as 2026-12-01T02:30:00+01:00.`);
  if (atMs - nowMs > LONGEST_AHEAD_MS) throw wrong("at", `${at} is more than ten years ahead.`);
  return new Date(atMs).toISOString();
}

function wrong(field: string, message: string): JobsError {
  return new JobsError("invalid-request", message, { field });
}
