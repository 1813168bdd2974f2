import { z } from "zod";
import { AgentId } from "./ids.ts";

/** Where a run may go. Only one agent by name today; labels and all-that-match are further kinds. */
export const Target = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("agent"),
    agent: AgentId,
    /** The agent's name when the run was submitted, for people. */
    name: z.string(),
  }),
]);
export type Target = z.infer<typeof Target>;
