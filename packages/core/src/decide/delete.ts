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

/** A finished run, and a live one that waits for it: it may wait for others, too. */
export interface Awaited {
  readonly run: string;
  readonly by: { readonly job: string; readonly run: string };
}

/**
 * Why the job's history cannot be deleted now; undefined when it can. What has ended comes into it soon, and what a host
 * still runs is told its end from it.
 */
export function findHistoryObstacle(
  { job, runs }: JobView,
  {
    agents,
    awaited,
  }: { readonly agents: Pick<DecisionContext["agents"], "liveOf">; readonly awaited?: Awaited | undefined },
): JobsError | undefined {
  const [run] = runs;
  if (run !== undefined) return lives(run);
  if (awaited !== undefined) return isAwaited(job, awaited);
  const [onHost] = agents.liveOf(job);
  if (onHost === undefined) return undefined;
  const { agent, run: id, attempt } = onHost;
  const message = `The history of “${job}” cannot be deleted: ${agent} says that attempt ${attempt} of run ${id} still runs there.`;
  return new JobsError("job-busy", message, { field: "name", details: { run: id, agent, attempt } });
}

function isAwaited(job: string, { run, by }: Awaited): JobsError {
  const message = `The history of “${job}” cannot be deleted now: run ${by.run} of “${by.job}” waits for run ${run}, and would not know how it ended.`;
  return new JobsError("job-busy", message, { field: "name", details: { run, dependent: by.run } });
}

function lives(run: Run): JobsError {
  const { job, run: id, state, times, submittedBy } = run;
  const how = hasEnded(run) ? `has ended, and is not settled yet` : `of ${submittedBy} is ${state}`;
  const passes = hasEnded(run) && !isBusy(run) ? " That passes by itself: ask again in a while." : "";
  const message = `“${job}” cannot be deleted now: run ${id} ${how}. ${describeRun(run)}${passes}`;
  const since = times.endedAt ?? times.runningAt ?? times.pendingAt ?? times.submittedAt;
  const details = { run: id, state, since, submittedBy, link: `/v1/runs/${id}` };
  return new JobsError("job-busy", message, { field: "name", details });
}
