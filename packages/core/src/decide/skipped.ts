import type { Reason } from "../domain/reason.ts";
import type { Run } from "../domain/run.ts";

/** Ended without ever running. */
export function skipped(run: Run, reason: Reason, now: string): Run {
  const { waitingFor: _, hold: _hold, ...rest } = run;
  return { ...rest, state: "skipped", reason, times: { ...run.times, endedAt: now } };
}
