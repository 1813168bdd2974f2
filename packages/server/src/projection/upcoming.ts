import type { JobDefinition, StoredSchedule } from "@jobs/core";
import { previewOf, type PreviewedSlot } from "@jobs/core/schedule";

/** The next slots of a job's schedule that are still to be due: with jitter, the instants of the first ones may have passed. */
export function upcomingOf(
  { job, cursors, updatedAt }: JobDefinition,
  schedule: StoredSchedule,
  { nowMs, count }: { readonly nowMs: number; readonly count: number },
): readonly PreviewedSlot[] {
  // What is before the cursor has its run, or was before there was the schedule.
  const doneMs = Date.parse(cursors?.[schedule.id] ?? updatedAt);
  const from = Math.max(doneMs, nowMs - (schedule.jitterMs ?? 0)) + 1;
  return previewOf(schedule, { job, from, dueAfter: nowMs, count });
}
