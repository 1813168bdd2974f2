import { z } from "zod";
import { Artifact } from "./artifact.ts";
import { AttemptExit, Fence, Refusal } from "./attempt.ts";
import { Instant, RunId } from "./ids.ts";
import { LogEnd } from "./log.ts";

/**
 * What a host knows of one attempt: the whole of it each time, so that evidence that comes late, twice or out of order
 * does no harm; a lower `revision` of the same session says nothing new. It counts only if the agent in its subject is
 * the one that the attempt's record names.
 */
export const Evidence = z.looseObject({
  v: z.literal(1),
  job: z.string(),
  run: RunId,
  attempt: z.int().positive(),
  fence: Fence,
  /** The agent's session, and a number that rises within it with each change. */
  session: z.string(),
  revision: z.int().nonnegative(),
  phase: z.enum(["accepted", "refused", "started", "exited"]),
  refusal: Refusal.optional(),
  startedAt: Instant.optional(),
  /** How far the host's clock is ahead of the server's, milliseconds; left out: its agent cannot tell. */
  clockAheadMs: z.number().optional(),
  exitedAt: Instant.optional(),
  exit: AttemptExit.optional(),
  /** The spool so far; final once the phase is `exited`. */
  log: LogEnd,
  /** How much of the log is acknowledged by LOGS. */
  shippedBytes: z.int().nonnegative(),
  /** What is in `$JOBS_OUTPUT`, hashed after the exit; absent until then. `stored` once its upload was accepted. */
  artifacts: z.array(Artifact.extend({ stored: z.boolean() })).optional(),
  /** Files in `$JOBS_OUTPUT` that are not kept: not readable, too large, no name in UTF-8, or more than {@link ARTIFACTS_MAX}. */
  artifactsLeftOut: z.int().nonnegative().optional(),
});
export type Evidence = z.infer<typeof Evidence>;
