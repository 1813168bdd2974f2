import type { Attempt } from "../domain/attempt.ts";
import type { Run } from "../domain/run.ts";

/** The run with one of its attempts changed, the last one if none is named. */
export function withAttempt(run: Run, change: Partial<Attempt>, number = run.attempts.at(-1)?.number): Run {
  return { ...run, attempts: run.attempts.map((one) => (one.number === number ? { ...one, ...change } : one)) };
}
