/** What is known of attempts on their hosts from the records, beside what the hosts' beats say. */
import { currentAttempt, type Run } from "@jobs/core";
import type { LiveOnHost } from "@jobs/core/decide";
import { finishedAttempt, type FinishedAttempt } from "./finished-attempt.ts";
import type { HistoryIndex } from "./history-index.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { Silence } from "./silence.ts";

/** What runs on a host and is in no record is ended there after so long without contact, if nobody said otherwise, milliseconds. */
const UNKNOWN_LOST_AFTER_MS = 60 * 60 * 1000;

/** For how long after a beat that lists it an attempt counts as running there: no longer than its host keeps it without contact. */
export function countsForMs(
  held: LiveOnHost,
  listedAtMs: number,
  { jobs, finished }: { jobs: JobsProjection; finished: HistoryIndex },
): number {
  const own = findAttempt(held, jobs.find(held.run)?.run, finished);
  if (own === undefined) return UNKNOWN_LOST_AFTER_MS;
  // Its host said so later than that beat; or it was decided after as much silence as its host bears, or by an operator.
  if (own.isOver || Date.parse(own.endDecidedAt ?? "") > listedAtMs) return 0;
  return own.lostAfterMs ?? Number.POSITIVE_INFINITY;
}

function findAttempt(
  { agent, run, attempt }: LiveOnHost,
  live: Run | undefined,
  finished: HistoryIndex,
): FinishedAttempt | undefined {
  const isIt = (one: { readonly agent: string; readonly number: number }): boolean =>
    one.agent === agent && one.number === attempt;
  const own = live?.attempts.find(isIt);
  if (live !== undefined && own !== undefined) return finishedAttempt(live, own);
  return finished.find(run)?.attempts.find(isIt);
}

/** The attempts whose hosts' silence is measured are those that the records name. */
export function trackAttempts(jobs: JobsProjection, silence: Silence): void {
  jobs.on("run", (run) => {
    const current = currentAttempt(run);
    for (const attempt of run.attempts) {
      if (attempt.refusal !== undefined) continue;
      const mayStart = attempt === current && attempt.startedAt === undefined;
      const mayStartUnder = mayStart ? attempt.licence.number : undefined;
      silence.onAttempt({ agent: attempt.agent, run: run.run, attempt: attempt.number }, mayStartUnder);
    }
  });
  jobs.on("removed", (run) => {
    for (const { agent, number } of run.attempts) silence.forget({ agent, run: run.run, attempt: number });
  });
  jobs.on("reset", () => silence.forgetAll());
}
