/** What is known of attempts on their hosts from the records, beside what the hosts' beats say. */
import { currentAttempt, isOverOnHost } from "@jobs/core";
import type { LiveOnHost } from "@jobs/core/decide";
import type { HistoryIndex } from "./history-index.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { Silence } from "./silence.ts";

/** The host has said of this attempt that nothing of it runs any more, later perhaps than in its last beat. */
export function isKnownOver(
  { agent, run, attempt }: LiveOnHost,
  jobs: JobsProjection,
  finished: HistoryIndex,
): boolean {
  const own = jobs.find(run)?.run.attempts.find((one) => one.agent === agent && one.number === attempt);
  if (own !== undefined) return isOverOnHost(own);
  return finished.find(run)?.attempts.find((one) => one.agent === agent && one.number === attempt)?.isOver ?? false;
}

/** The attempts whose hosts' silence is measured are those that the records name. */
export function trackAttempts(jobs: JobsProjection, silence: Silence): void {
  jobs.on("run", (run) => {
    const attempt = currentAttempt(run);
    if (attempt !== undefined) silence.onAttempt({ agent: attempt.agent, run: run.run, attempt: attempt.number });
  });
  jobs.on("removed", (run) => {
    for (const { agent, number } of run.attempts) silence.forget({ agent, run: run.run, attempt: number });
  });
}
