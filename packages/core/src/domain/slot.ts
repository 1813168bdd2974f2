import { z } from "zod";
import { Instant } from "./ids.ts";

/**
 * What a run stands for in a schedule: one slot, or, if it was skipped, that one and those after it that were skipped
 * for the same reason.
 */
export const Slot = z.looseObject({
  /** The schedule's id within the job. */
  schedule: z.string(),
  /** The instant that the schedule names; without jitter. */
  at: Instant,
  /** The last slot of a range, and how many there are in it. */
  until: Instant.optional(),
  count: z.int().positive().optional(),
});
export type Slot = z.infer<typeof Slot>;
