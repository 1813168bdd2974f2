import type { JobDefinition } from "@jobs/core";
import { findUnknown } from "@jobs/core/schedule";

/**
 * Why a job whose definition can be read is left alone all the same: this version cannot tell the slots of one of its schedules, which
 * another one took. Undefined when it can.
 */
export function whyUncomputable({ schedules = [] }: Pick<JobDefinition, "schedules">): string | undefined {
  for (const schedule of schedules) {
    const fault = findUnknown(schedule);
    if (fault === undefined) continue;
    return `This server cannot tell the times of the schedule “${schedule.id}” and leaves the job alone: upgrade it, or save the schedule anew. ${fault.message}`;
  }
  return undefined;
}

export function isComputable(definition: JobDefinition | undefined): boolean {
  return definition === undefined || whyUncomputable(definition) === undefined;
}
