/** The jobs by name, a page at a time: those of which something is said, and those that have a live run. */
import { hasEnded, type JobDefinition, type JobSummary } from "@jobs/core";
import type { JobsProjection } from "./jobs-projection.ts";
import { whyUncomputable } from "./uncomputable.ts";
import { nextFiringOf } from "./upcoming.ts";

export interface JobListOptions {
  readonly jobs: Pick<JobsProjection, "names" | "view" | "findDefinition">;
  readonly nowMs: () => number;
}

export interface JobFilter {
  readonly limit: number;
  readonly appliedFrom?: string | undefined;
  /** Only names after this one. */
  readonly after?: string | undefined;
}

export function listJobs({ jobs, nowMs }: JobListOptions, { limit, after, appliedFrom: set }: JobFilter): JobSummary[] {
  const names = [...jobs.names()].filter((name) => after === undefined || name > after).toSorted(byCodeUnits);
  const found: JobSummary[] = [];
  for (const job of names) {
    if (found.length === limit) break;
    const definition = jobs.findDefinition(job);
    const liveRuns = jobs.view(job).runs.filter((run) => run.partOf === undefined && !hasEnded(run)).length;
    if (definition === undefined && liveRuns === 0) continue;
    const { paused, schedules = [], appliedFrom } = definition ?? {};
    if (set !== undefined && set !== appliedFrom) continue;
    const unreadable = definition === undefined ? undefined : whyUncomputable(definition);
    const next = definition === undefined || unreadable !== undefined ? [] : nextOf(definition, nowMs());
    const said = {
      ...(paused === undefined ? {} : { paused }),
      ...(appliedFrom === undefined ? {} : { appliedFrom }),
      ...(unreadable === undefined ? {} : { unreadable }),
    };
    found.push({ job, ...said, schedules: schedules.length, next, liveRuns });
  }
  return found;
}

/** The next firing of each schedule that is not paused, the earliest first. */
function nextOf(definition: JobDefinition, nowMs: number): JobSummary["next"] {
  const slots = (definition.schedules ?? []).flatMap((schedule) => {
    const slot = schedule.paused === true ? undefined : nextFiringOf(definition, schedule, nowMs);
    return slot === undefined ? [] : [{ ...slot, schedule: schedule.id }];
  });
  return slots.toSorted((one, other) => byCodeUnits(one.dueAt, other.dueAt));
}

/** An order that no locale changes: a page begins where the one before it ended, whichever server makes it. */
function byCodeUnits(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
