/** The slots of a job's schedule that are still to be due: with jitter, the instants of the first ones may have passed. */
import type { JobDefinition, StoredSchedule } from "@jobs/core";
import { nextFiring, previewed, previewOf, type PreviewedSlot } from "@jobs/core/schedule";

/** The next ones, so many of which are not skipped. */
export function upcomingOf(
  definition: JobDefinition,
  schedule: StoredSchedule,
  { nowMs, count }: { readonly nowMs: number; readonly count: number },
): readonly PreviewedSlot[] {
  const from = doneMs(definition, schedule, nowMs) + 1;
  return previewOf(schedule, { job: definition.job, from, dueAfter: nowMs, count });
}

/** The first one that is not skipped; undefined when there is none, or too far off to be looked for. */
export function nextFiringOf(
  definition: JobDefinition,
  schedule: StoredSchedule,
  nowMs: number,
): PreviewedSlot | undefined {
  const after = doneMs(definition, schedule, nowMs);
  const slot = nextFiring(schedule, { job: definition.job, after, dueAfter: nowMs });
  return slot === undefined ? undefined : previewed(slot);
}

/** What is before the cursor has its run, or was before there was the schedule. */
function doneMs({ cursors, updatedAt }: JobDefinition, { id, jitterMs = 0 }: StoredSchedule, nowMs: number): number {
  return Math.max(Date.parse(cursors?.[id] ?? updatedAt), nowMs - jitterMs);
}
