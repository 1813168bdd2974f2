import { z } from "zod";
import { RunId } from "./ids.ts";

/** The ends of another run that let a dependent one start: `completed`; `failed`: any other end; `ended`: any. */
export const DependsOn = z.enum(["completed", "failed", "ended"]);
export type DependsOn = z.infer<typeof DependsOn>;

/** What becomes of a run when one that it depends on has ended otherwise: it is skipped (`dependency-failed`), or starts all the same. */
export const Otherwise = z.enum(["skip", "run"]);
export type Otherwise = z.infer<typeof Otherwise>;

const DependsOnRun = z.looseObject({
  job: z.string(),
  run: RunId,
  /** How it had ended by then; left out: it had not. It may be kept no longer than until then. */
  state: z.enum(["completed", "failed", "cancelled", "skipped"]).optional(),
});

/** What must have ended before a run starts, frozen at its submission. */
export const Dependencies = z.looseObject({
  runs: z.array(DependsOnRun),
  on: DependsOn,
  otherwise: Otherwise,
});
export type Dependencies = z.infer<typeof Dependencies>;
