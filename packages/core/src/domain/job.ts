import { z } from "zod";
import { Instant } from "./ids.ts";
import { PolicySettings } from "./policy.ts";
import { Retry } from "./retry.ts";

/** Who holds something back, since when and why. */
export const Pause = z.looseObject({ at: Instant, by: z.string(), note: z.string().optional() });
export type Pause = z.infer<typeof Pause>;

/** What is said of a job as a whole: how its runs behave, and whether any may start. Written under the job's guard, as its runs are. */
export const JobDefinition = z.looseObject({
  v: z.literal(1),
  job: z.string(),
  /** Names the write that made this version. */
  writeId: z.string(),
  policy: PolicySettings.extend({ retry: Retry.optional() }),
  /** While it is there, no run of the job starts. */
  paused: Pause.optional(),
  updatedAt: Instant,
  updatedBy: z.string(),
});
export type JobDefinition = z.infer<typeof JobDefinition>;

/** What holds for all jobs together. */
export const Settings = z.looseObject({
  v: z.literal(1),
  /** While it is there, no run of any job starts. */
  paused: Pause.optional(),
});
export type Settings = z.infer<typeof Settings>;
