import type { Run } from "@jobs/core";

/** Orders the runs of a line. */
export function bySubmission(one: Run, other: Run): number {
  const [a, b] = [inLineSince(one), inLineSince(other)];
  if (a !== b) return a < b ? -1 : 1;
  const { submittedAt: c } = one.times;
  const { submittedAt: d } = other.times;
  if (c !== d) return c < d ? -1 : 1;
  return (one.nth ?? 0) - (other.nth ?? 0) || (one.run < other.run ? -1 : 1);
}

/** RFC 3339: its time, or its submission when that came later. */
function inLineSince({ times: { submittedAt, dueAt } }: Run): string {
  return dueAt !== undefined && dueAt > submittedAt ? dueAt : submittedAt;
}
