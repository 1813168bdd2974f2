import type { Run } from "@jobs/core";

/** Orders the runs of a line. */
export function bySubmission(one: Run, other: Run): number {
  const [a, b] = [inLineSince(one), inLineSince(other)];
  return a < b ? -1 : a > b ? 1 : one.run < other.run ? -1 : 1;
}

/** RFC 3339: its time, or its submission when that came later. */
function inLineSince({ times: { submittedAt, dueAt } }: Run): string {
  return dueAt !== undefined && dueAt > submittedAt ? dueAt : submittedAt;
}
