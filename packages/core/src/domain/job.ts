import { z } from "zod";
import { Instant } from "./ids.ts";
import { StoredParameter } from "./parameters.ts";
import { Payload } from "./payload.ts";
import { PolicySettings } from "./policy.ts";
import { Retention } from "./retention.ts";
import { Retry } from "./retry.ts";
import { StoredSchedule } from "./schedule.ts";
import { Target } from "./target.ts";

/** Who holds something back, since when and why. */
export const Pause = z.looseObject({ at: Instant, by: z.string(), note: z.string().optional() });
export type Pause = z.infer<typeof Pause>;

/** What a run of a job does when nobody hands in a script. */
export const Task = z.looseObject({
  target: Target,
  /** With the defaults of the parameters. */
  payload: Payload,
  /** What a run may be given. */
  parameters: z.array(StoredParameter).optional(),
  /** SHA-256 of all that it says, hex: two tasks with the same one are the same. */
  digest: z.string(),
});
export type Task = z.infer<typeof Task>;

/** What a job says of its runs: how they behave, and for how long they are kept. */
export const JobPolicy = PolicySettings.extend({ retention: Retention.optional() });
export type JobPolicy = z.infer<typeof JobPolicy>;

/** A policy as a record keeps it: what a newer server wrote into it, or into a part of it, stays. */
export const StoredPolicy = JobPolicy.loose().extend({
  retry: Retry.optional(),
  retention: Retention.loose().optional(),
});

/** What is said of a job as a whole: what a run of it does, when and how its runs behave, and whether any may start. Written under the job's guard, as its runs are. */
export const JobDefinition = z.looseObject({
  v: z.literal(1),
  job: z.string(),
  /** Names the write that made this version. */
  writeId: z.string(),
  policy: StoredPolicy,
  task: Task.optional(),
  /** When runs of the task are due. */
  schedules: z.array(StoredSchedule).optional(),
  /** By the id of a schedule: what its slots up to here have come to is settled, or may be. */
  cursors: z.record(z.string(), Instant).optional(),
  /** While it is there, no run of the job starts. */
  paused: Pause.optional(),
  /** The set of jobs that it was last applied from; absent when it was made by hand. */
  appliedFrom: z.string().optional(),
  updatedAt: Instant,
  updatedBy: z.string(),
  /** Names the change that was made then, and says what it was; definitions of older servers lack it. */
  lastChange: z.looseObject({ id: z.string(), action: z.enum(["define", "pause", "resume"]) }).optional(),
});
export type JobDefinition = z.infer<typeof JobDefinition>;

/** What holds for all jobs together. */
export const Settings = z.looseObject({
  v: z.literal(1),
  /** While it is there, no run of any job starts. */
  paused: Pause.optional(),
  /** When the last pause of everything ended, and who ended it. */
  resumed: z.looseObject({ at: Instant, by: z.string() }).optional(),
});
export type Settings = z.infer<typeof Settings>;
