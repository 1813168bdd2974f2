import type { Attempt } from "../domain/attempt.ts";
import type { Run } from "../domain/run.ts";

/** The run with its last attempt changed. */
export function withAttempt(run: Run, change: Partial<Attempt>): Run {
  return {
    ...run,
    attempts: run.attempts.map((one, index) => (index === run.attempts.length - 1 ? { ...one, ...change } : one)),
  };
}
