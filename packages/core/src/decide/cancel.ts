import { currentAttempt, hasEnded, type Run } from "../domain/run.ts";
import { JobsError } from "../errors.ts";
import { write, type Decision, type DecisionContext, type JobView } from "./view.ts";

export interface Cancellation {
  readonly run: string;
  readonly by: string;
}

/** Cancels at once what no host has; once assigned, it is only requested, and the run stays busy until the host's evidence. */
export function decideCancel(view: JobView, { run: id, by }: Cancellation, context: DecisionContext): Decision {
  const run = view.runs.find((one) => one.run === id);
  if (run === undefined)
    return { kind: "reject", error: new JobsError("run-unknown", `There is no live run ${id}.`, { field: "run" }) };
  if (hasEnded(run) || run.cancel !== undefined) return { kind: "known", run };
  const requested: Run = { ...run, cancel: { requestedAt: context.now, by } };
  return write(currentAttempt(run) === undefined ? cancelled(requested, context.now) : requested, context);
}

/** The run, cancelled with nothing of it left on any host. */
export function cancelled(run: Run, now: string): Run {
  const { waitingFor: _, ...rest } = run;
  return { ...rest, state: "cancelled", reason: "cancelled-by", times: { ...run.times, endedAt: now } };
}
