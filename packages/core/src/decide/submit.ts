import { describeRun } from "../domain/ending.ts";
import { mayOverlap } from "../domain/overlap.ts";
import { isBusy, type Run } from "../domain/run.ts";
import { JobsError } from "../errors.ts";
import { assign } from "./assign.ts";
import { write, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** A submission that passed every check that needs no view: what the record will say of it. */
export type Submission = Pick<Run, "job" | "run" | "overlap" | "target" | "payload" | "requestDigest" | "submittedBy">;

/**
 * Accepts a submission, or rejects it while the job is busy; `finished` is the run of the same id in HISTORY, if any.
 * When the job is idle and the agent can take it, the one write that accepts the run already assigns its attempt.
 */
export function decideSubmit(
  view: JobView,
  submission: Submission,
  context: DecisionContext & { finished?: Run | undefined },
): Decision {
  const same = view.runs.find((run) => run.run === submission.run) ?? context.finished;
  if (same !== undefined) return decideAgain(same, submission);
  const live = view.runs.find((run) => isBusy(run) && !mayOverlap(run.overlap, submission.overlap));
  if (live !== undefined) return { kind: "reject", error: busy(live) };
  const accepted: Run = {
    ...submission,
    v: 1,
    writeId: context.writeId,
    state: "pending",
    times: { submittedAt: context.now, pendingAt: context.now },
    attempts: [],
  };
  return write(assign(view, accepted, context), context);
}

/** The same idempotency key came again: the same run, unless something else was asked for under it. */
function decideAgain(same: Run, submission: Submission): Decision {
  if (same.requestDigest === submission.requestDigest) return { kind: "known", run: same };
  const message = `Run ${same.run} of “${same.job}” was submitted with the same key but another content: use a new key.`;
  return {
    kind: "reject",
    error: new JobsError("key-conflict", message, { field: "key", details: { run: same.run } }),
  };
}

function busy(live: Run): JobsError {
  const since = live.times.runningAt ?? live.times.pendingAt ?? live.times.submittedAt;
  const message = `“${live.job}” is busy: run ${live.run} of ${live.submittedBy} is ${live.state} since ${since}. ${describeRun(live)}`;
  const details = { run: live.run, state: live.state, since, submittedBy: live.submittedBy };
  return new JobsError("job-busy", message, { field: "name", details });
}
