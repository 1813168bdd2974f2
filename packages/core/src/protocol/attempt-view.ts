/** What the API shows of one attempt of a run. */
import { z } from "zod";
import { failure } from "../decide/index.ts";
import { AttemptExit, Refusal, type Attempt } from "../domain/attempt.ts";
import { StoredLog } from "../domain/log.ts";
import { hasEnded, hostOf, type Run } from "../domain/run.ts";

/** Where an attempt stands, or how it ended; `refused`: its host did not start it. */
export const AttemptOutcome = z.enum(["assigned", "running", "completed", "failed", "cancelled", "lost", "refused"]);
export type AttemptOutcome = z.infer<typeof AttemptOutcome>;

export const AttemptView = z.object({
  number: z.number(),
  /** The agent's name. */
  on: z.string(),
  /** By the host's clock. */
  startedAt: z.string().optional(),
  exitedAt: z.string().optional(),
  outcome: AttemptOutcome,
  exitCode: z.number().optional(),
  signal: z.string().optional(),
  /** Who or what ended it, when it did not end by itself. */
  cause: AttemptExit.shape.cause,
  refusal: Refusal.shape.code.optional(),
  /** When the next try was due. */
  retryAt: z.string().optional(),
  /** Once the run is settled. */
  log: StoredLog.optional(),
  /** How many files of it are kept. */
  artifacts: z.number().optional(),
});
export type AttemptView = z.infer<typeof AttemptView>;

/** The attempts of a run that had more than one; of a single one the run itself tells. Of very many the oldest are not kept. */
export function attemptsOf(run: Run): AttemptView[] | undefined {
  return run.attempts.length < 2 ? undefined : run.attempts.map((attempt) => viewOf(run, attempt));
}

function viewOf(run: Run, attempt: Attempt): AttemptView {
  const { number, startedAt, exitedAt, exit, refusal, retryAt } = attempt;
  const output = run.output?.attempts.find((one) => one.attempt === number);
  return {
    number,
    on: hostOf(run, attempt),
    startedAt,
    exitedAt,
    outcome: outcomeOf(run, attempt),
    exitCode: exit?.exitCode,
    signal: exit?.signal,
    cause: exit?.cause,
    refusal: refusal?.code,
    retryAt,
    log: output?.log,
    artifacts: output?.artifacts.length,
  };
}

function outcomeOf(run: Run, attempt: Attempt): AttemptOutcome {
  if (attempt.refusal !== undefined) return "refused";
  if (attempt.lost !== undefined) return "lost";
  if (attempt.exit !== undefined) {
    const { state, reason } = failure(attempt);
    return reason === "lost" ? "lost" : state === "completed" || state === "cancelled" ? state : "failed";
  }
  if (hasEnded(run)) return "lost"; // somebody said that nothing of it runs
  return attempt.startedAt === undefined ? "assigned" : "running";
}
