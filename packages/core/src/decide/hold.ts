import { hasEnded, hostOf, isAhead, isWaiting, type Run } from "../domain/run.ts";
import { JobsError } from "../errors.ts";
import { assign } from "./assign.ts";
import { onLiveRun } from "./live-run.ts";
import { write, type Decision, type DecisionContext, type JobView } from "./view.ts";

export interface HoldRequest {
  readonly run: string;
  readonly by: string;
}

/** Keeps a run that waits from starting; those behind it pass it. What a host has can only be cancelled. */
export function decideHold(view: JobView, { run: id, by }: HoldRequest, context: DecisionContext): Decision {
  return onLiveRun(view, id, (run) => {
    if (hasEnded(run) || run.hold !== undefined) return { kind: "known", run };
    const hold = { at: context.now, by };
    if (isAhead(run)) return write({ ...run, hold }, context);
    if (isWaiting(run)) return write({ ...run, hold, waitingFor: "held" }, context);
    const message = `Run ${id} was handed to ${hostOf(run)} already: it can be cancelled, not held.`;
    return { kind: "reject", error: new JobsError("run-started", message, { field: "run", details: { run: id } }) };
  });
}

/** Lets a held run go on: it has its old place in line, and waits anew. */
export function decideRelease(view: JobView, { run: id, by }: HoldRequest, context: DecisionContext): Decision {
  return onLiveRun(view, id, (run) => {
    if (hasEnded(run) || run.hold === undefined) return { kind: "known", run };
    const { hold: _, waitingFor: _waitingFor, ...kept } = run;
    const rest: Run = { ...kept, released: { at: context.now, by } };
    if (isAhead(run)) return write(rest, context);
    return write(assign(view, { ...rest, times: { ...run.times, pendingAt: context.now } }, context), context);
  });
}
