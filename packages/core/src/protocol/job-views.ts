/** What the API shows of a job and its schedules. */
import { z } from "zod";
import { JobDefinition, Pause } from "../domain/job.ts";
import { StoredParameter } from "../domain/parameters.ts";
import { StoredSchedule } from "../domain/schedule.ts";
import { TargetInput } from "../domain/target.ts";
import { RunView } from "./views.ts";

/** A slot that a schedule names, for people; instants are RFC 3339, UTC. */
export const SlotView = z.object({
  at: z.string(),
  /** With jitter. */
  dueAt: z.string(),
  /** The wall clock, e.g. `2026-11-01T01:30:00-04:00[America/New_York]`. */
  wall: z.string(),
  /** Of slots that are skipped in a row for one reason: the last one, and how many there are. */
  until: z.string().optional(),
  count: z.number().optional(),
  /** Why no run comes of it. */
  skip: z.enum(["dst-gap", "blackout"]).optional(),
  /** The clocks are put forward (`gap`) or back (`fold`) on that day. */
  change: z.enum(["gap", "fold"]).optional(),
  /** The time that was named and does not exist on that day. */
  meant: z.string().optional(),
});
export type SlotView = z.infer<typeof SlotView>;

/** A job as the API shows it. */
export const JobView = z.object({
  job: z.string(),
  /** What its runs do unless a submission says otherwise; what is left out has the default of `docs/overlap.md`. */
  policy: JobDefinition.shape.policy,
  /** Why the server that answers leaves the job alone: it cannot tell the times of a schedule that another version took. */
  unreadable: z.string().optional(),
  paused: Pause.optional(),
  /** What a run does when nobody hands in a script. */
  task: z
    .object({
      /** An agent by the name that it has now, or which ones. */
      on: TargetInput,
      /** The id of the agent that is named: another one may come to have the name. */
      agent: z.string().optional(),
      script: z.string(),
      interpreter: z.array(z.string()),
      env: z.record(z.string(), z.string()),
      parameters: z.array(StoredParameter).optional(),
      /** JSON Schema of the values that a run may be given: a form can be made of it. */
      parametersSchema: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
  schedules: z
    .array(
      z.object({
        schedule: StoredSchedule,
        /** Its next slots. */
        next: z.array(SlotView),
        /** Every slot up to here has its run. */
        doneUntil: z.string(),
      }),
    )
    .optional(),
  /** The set of jobs that it was last applied from; absent when it was made by hand. */
  appliedFrom: z.string().optional(),
  updatedAt: z.string().optional(),
  updatedBy: z.string().optional(),
  /** Its live runs, in line. */
  runs: z.array(RunView),
});
export type JobView = z.infer<typeof JobView>;

/** A job in a list of them. */
export const JobSummary = z.object({
  job: z.string(),
  /** Why the server that answers leaves the job alone: it cannot tell the times of a schedule that another version took. */
  unreadable: z.string().optional(),
  paused: Pause.optional(),
  /** The set of jobs that it was last applied from. */
  appliedFrom: z.string().optional(),
  /** How many schedules it has. */
  schedules: z.number(),
  /** The next slot of those of its schedules that are not paused, the earliest first. */
  next: z.array(SlotView.extend({ schedule: z.string() })),
  /** How many of its runs have not ended. */
  liveRuns: z.number(),
});
export type JobSummary = z.infer<typeof JobSummary>;
