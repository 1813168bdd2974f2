/** The operations on jobs; a part of the table in `operations.ts`. */
import { z } from "zod";
import { Instant } from "../domain/ids.ts";
import { JobName } from "../domain/job-name.ts";
import { JobPolicy } from "../domain/job.ts";
import { Schedule, scheduleInstant } from "../domain/schedule.ts";
import { SetName } from "../domain/set-name.ts";
import { JobSummary, JobView, SlotView } from "./job-views.ts";
import { Note, Submitted, type Operation } from "./operation.ts";
import { Asked, Content, TaskInput } from "./submit-input.ts";

/** Each costs a look at every change of its job. */
const SCHEDULES_MAX = 20;
const OfJob = z.strictObject({ name: JobName });

export const jobOperations = {
  listJobs: {
    method: "GET",
    path: "/v1/jobs",
    summary: "Jobs of which something is said or that have a live run, by name.",
    input: z.strictObject({
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      /** Only jobs that were last applied from this set. */
      appliedFrom: SetName.optional(),
      /** Only jobs whose names come after this one: the last of the page before. */
      after: JobName.optional(),
    }),
    output: z.object({ jobs: z.array(JobSummary) }),
    successStatus: 200,
  },
  getJob: {
    method: "GET",
    path: "/v1/job",
    summary: "One job: its policy, whether it is paused, its live runs in line.",
    input: OfJob,
    output: JobView,
    successStatus: 200,
  },
  saveJob: {
    method: "POST",
    path: "/v1/job",
    summary:
      "Sets what is said of a job: its task, its schedules, its policy; each as a whole, what is left out stays. Runs that were accepted keep theirs.",
    input: OfJob.extend({
      /** What in it is left out has its default again. */
      policy: z.strictObject(JobPolicy.shape).optional(),
      /** What a run does when nobody hands in a script; null: nothing any more. */
      task: TaskInput.nullable().optional(),
      /** All of them, each with an id of its own. */
      schedules: z.array(Schedule).max(SCHEDULES_MAX).optional(),
      /** The set of jobs, said together in one file, that it is of from now on; null: made by hand. */
      appliedFrom: SetName.nullable().optional(),
      /** The `updatedAt` of the job that the changes were made on; null: nothing was said of it. `job-changed` when it is another one by now. */
      ifUpdatedAt: Instant.nullable().optional(),
      /** Checks all of it and says how the job would be; nothing is stored. */
      dryRun: z.boolean().optional(),
    }),
    output: JobView,
    successStatus: 200,
  },
  deleteJob: {
    method: "DELETE",
    path: "/v1/jobs/{name}",
    summary:
      "Deletes what is said of a job; refused while a run of it lives. With `history: delete` its finished runs, too.",
    input: OfJob.extend({
      /** Whether its finished runs stay, and with them the keys that they were submitted with. */
      history: z.enum(["keep", "delete"]).default("keep"),
    }),
    output: z.object({ job: z.string(), history: z.enum(["keep", "delete"]) }),
    successStatus: 200,
  },
  runJob: {
    method: "POST",
    path: "/v1/job/run",
    summary: "Submits a run of the job's task.",
    input: OfJob.extend({
      /** Values of its parameters, by their names. */
      parameters: z.record(z.string(), z.unknown()).optional(),
      /** Another agent than the task says. */
      on: Content.on,
      ...Asked,
    }),
    output: Submitted,
    successStatus: 201,
  },
  previewSchedule: {
    method: "POST",
    path: "/v1/schedules/preview",
    summary: "The next slots of a schedule, saved or not, with those on days on which the clocks are changed marked.",
    input: z.strictObject({
      schedule: Schedule,
      /** Its jitter depends on it. */
      name: JobName.optional(),
      /** Exclusive; left out: now. */
      from: scheduleInstant("from").optional(),
      count: z.int().min(1).max(1_000).default(10),
    }),
    output: z.object({ slots: z.array(SlotView) }),
    successStatus: 200,
  },
  pauseJob: {
    method: "POST",
    path: "/v1/job/pause",
    summary: "No run of the job starts until it is resumed; what runs goes on, what is submitted waits.",
    input: OfJob.extend({ note: Note }),
    output: JobView,
    successStatus: 200,
  },
  resumeJob: {
    method: "POST",
    path: "/v1/job/resume",
    summary: "Runs of the job may start again.",
    input: OfJob,
    output: JobView,
    successStatus: 200,
  },
} as const satisfies Record<string, Operation>;
