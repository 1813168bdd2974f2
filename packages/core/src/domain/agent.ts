import { z } from "zod";
import { AgentId, Instant } from "./ids.ts";
import { Pause } from "./job.ts";

/** The record of an agent in the bucket `agents`: written by the server when the agent is first heard. */
export const AgentRecord = z.looseObject({
  v: z.literal(1),
  id: AgentId,
  name: z.string(),
  /** How many attempts the host carries out at once. */
  slots: z.int().positive(),
  labels: z.record(z.string(), z.string()),
  enrolledAt: Instant,
  /** It takes on nothing more: since when, who said so, and why. */
  drain: Pause.optional(),
  /** When it was last let take on runs again, and by whom. */
  undrained: z.looseObject({ at: Instant, by: z.string() }).optional(),
  /** The store epoch in which it was last heard. In a newer one nothing starts before it is heard again. */
  epoch: z.string().optional(),
});
export type AgentRecord = z.infer<typeof AgentRecord>;
