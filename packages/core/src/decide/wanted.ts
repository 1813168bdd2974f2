import { currentAttempt, hasEnded, type Run } from "../domain/run.ts";

/** What has to be told to the host of a run's current attempt, or done for the run, as its record stands. */
export type Wanted = "start" | "cancel" | "settle" | "nothing";

/** Derived from the record alone, so that it can be done again after any crash. */
export function wantedFor(run: Run): Wanted {
  if (hasEnded(run)) return "settle";
  const attempt = currentAttempt(run);
  if (attempt === undefined) return "nothing";
  if (run.cancel !== undefined) return "cancel";
  return attempt.startedAt === undefined ? "start" : "nothing";
}
