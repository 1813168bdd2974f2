import { describeRun } from "../domain/ending.ts";
import { hasEnded, isBusy, type Run } from "../domain/run.ts";
import { JobsError } from "../errors.ts";
import { NOTHING, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** What is said of a job goes, unless a run of it lives; nothing when nothing is said of it (any more). */
export function decideDelete(view: JobView): Decision {
  const live = view.runs.find((run) => !hasEnded(run) || isBusy(run));
  if (live !== undefined) return { kind: "reject", error: lives(live) };
  return view.definition === undefined ? NOTHING : { kind: "delete", job: view.job };
}

/**
 * Why the job's history cannot be deleted now; undefined when it can. What has ended comes into it soon, and what a host
 * still runs is told its end from it.
 */
export function findHistoryObstacle(
  { job, runs }: JobView,
  { agents }: { readonly agents: Pick<DecisionContext["agents"], "liveOf"> },
): JobsError | undefined {
  const [run] = runs;
  if (run !== undefined) return lives(run);
  const [onHost] = agents.liveOf(job);
  if (onHost === undefined) return undefined;
  const { agent, run: id, attempt } = onHost;
  const message = `The history of “${job}” cannot be deleted: ${agent} says that attempt ${attempt} of run ${id} still runs there.`;
  return new JobsError("job-busy", message, { field: "name", details: { run: id, agent, attempt } });
}

function lives(run: Run): JobsError {
  const { job, run: id, state, times, submittedBy } = run;
  const how = hasEnded(run) ? `has ended, and is not settled yet` : `of ${submittedBy} is ${state}`;
  const message = `“${job}” cannot be deleted now: run ${id} ${how}. ${describeRun(run)}`;
  const since = times.endedAt ?? times.runningAt ?? times.pendingAt ?? times.submittedAt;
  const details = { run: id, state, since, submittedBy, link: `/v1/runs/${id}` };
  return new JobsError("job-busy", message, { field: "name", details });
}
