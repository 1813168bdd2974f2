import { hasEnded, isUnderWay, type Run } from "../domain/run.ts";
import { onLiveRun } from "./live-run.ts";
import { write, type Decision, type DecisionContext, type JobView } from "./view.ts";

export interface Cancellation {
  readonly run: string;
  readonly by: string;
}

/** Cancels at once what no host has; once assigned, it is only requested, and the run stays busy until the host's evidence. */
export function decideCancel(view: JobView, { run: id, by }: Cancellation, context: DecisionContext): Decision {
  return onLiveRun(view, id, (run) => {
    if (hasEnded(run) || run.cancel !== undefined) return { kind: "known", run };
    const requested: Run = { ...run, cancel: { requestedAt: context.now, by } };
    return write(isUnderWay(run) ? requested : cancelled(requested, context.now), context);
  });
}

/** The run, cancelled with nothing of it left on any host. One that only waited and has to make room was never to run. */
export function cancelled(run: Run, now: string): Run {
  const { waitingFor: _, hold: _hold, ...rest } = run;
  const isReplaced = run.cancel?.replacedBy !== undefined;
  const hasRun = run.attempts.some(({ startedAt }) => startedAt !== undefined);
  return {
    ...rest,
    state: isReplaced && !hasRun ? "skipped" : "cancelled",
    reason: isReplaced ? "replaced-by" : "cancelled-by",
    times: { ...run.times, endedAt: now },
  };
}
