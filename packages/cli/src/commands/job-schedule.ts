import { JobsError } from "@jobs/core";
import type { JobView, Schedule, SlotView } from "@jobs/sdk";
import { changeJob } from "../change-job.ts";
import type { Context } from "../context.ts";
import { numberOf } from "../given.ts";
import { scheduleOf, type ScheduleOptions } from "../schedule-options.ts";
import { printJob } from "./job-show.ts";

/** Options of `jobs schedule`. */
export interface JobScheduleOptions extends ScheduleOptions {
  readonly remove?: boolean;
  readonly preview?: string | true;
}

const FIRINGS = 10;

/** Sets, removes or previews one schedule of a job; the others stay as they are, also those that somebody sets meanwhile. */
export async function scheduleJob(context: Context, name: string, options: JobScheduleOptions): Promise<void> {
  if (options.preview !== undefined) return preview(context, name, options);
  printJob(context, await changeJob(() => changed(context, name, options)));
}

/** Throws `job-changed` when somebody has changed the job since it was read. */
async function changed({ jobs, io }: Context, name: string, options: JobScheduleOptions): Promise<JobView> {
  const call = { signal: io.interrupt };
  const { schedules = [], updatedAt = null } = await jobs.getJob(name, call);
  const others = schedules.flatMap(({ schedule }) => (schedule.id === options.id ? [] : [schedule as Schedule]));
  if (options.remove === true && others.length === schedules.length) {
    const message = `The job “${name}” has no schedule “${options.id}”.`;
    throw new JobsError("invalid-request", message, { field: "id" });
  }
  const all = options.remove === true ? others : [...others, scheduleOf(options)];
  return jobs.saveJob(name, { schedules: all, ifUpdatedAt: updatedAt }, call);
}

async function preview({ jobs, output, io }: Context, name: string, options: JobScheduleOptions): Promise<void> {
  const count = typeof options.preview === "string" ? numberOf(options.preview, "--preview", "count") : FIRINGS;
  const slots = await jobs.previewSchedule(scheduleOf(options), { name, count }, { signal: io.interrupt });
  if (output.isJson) return output.json({ slots });
  if (slots.length === 0) return output.note("It has no more times.");
  output.table(slots.map((slot) => [slot.wall, slot.at, remarkOf(slot)]));
}

function remarkOf({ skip, change, meant, count }: SlotView): string {
  const remarks = [
    skip === undefined ? undefined : `skipped: ${skip}${count === undefined ? "" : `, ${count} slots`}`,
    change === "gap" ? "the clocks are put forward that day" : undefined,
    change === "fold" ? "the clocks are put back that day" : undefined,
    meant === undefined ? undefined : `for ${meant}, which does not exist`,
  ];
  return remarks.filter((one) => one !== undefined).join("; ");
}
