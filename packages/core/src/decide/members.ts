/** The parts of a run on several hosts, each of which is a run itself; see `fan-out.ts`. */
import { fitsRecord, type HostCounts } from "../domain/fan-out.ts";
import { hasEnded, isWaiting, type Run } from "../domain/run.ts";
import { candidatesOf } from "./place.ts";
import type { DecisionContext, JobView } from "./view.ts";

/** The runs on single hosts that a run consists of, as far as there are any yet. */
export function membersOf({ runs }: JobView, { run }: Pick<Run, "run">): readonly Run[] {
  return runs.filter(({ partOf }) => partOf === run);
}

/** How many of its hosts stand where; undefined while nobody knows which they are. */
export function hostCountsOf(view: JobView, run: Run): HostCounts | undefined {
  if (run.fanOut === undefined || hasEnded(run)) return run.fanOut?.counts;
  return countHosts(membersOf(view, run), run.fanOut.agents.length);
}

/** How many of the hosts of a run stand where, by its members. */
export function countHosts(members: readonly Run[], hosts: number): HostCounts {
  const count = (state: Run["state"]): number => members.filter((one) => one.state === state).length;
  return {
    completed: count("completed"),
    failed: count("failed"),
    cancelled: count("cancelled"),
    skipped: count("skipped"),
    running: count("running"),
    waiting: count("pending"),
    notStarted: hosts - members.length,
  };
}

/** Begins: from now on it is for the agents that match now, whether they are there or not. */
export function begun(run: Run, context: DecisionContext): Run {
  const agents = candidatesOf(run, context)
    .map(({ id }) => id)
    .toSorted();
  if (agents.length === 0) return { ...run, waitingFor: "agent" };
  const isNarrowed = run.target.kind === "all" && run.target.only !== undefined;
  // The names are in the record once.
  const { waitingFor: _, ...rest } = isNarrowed ? { ...run, target: { ...run.target, only: undefined } } : run;
  const { now } = context;
  if (!fitsRecord(agents))
    return { ...rest, state: "failed", reason: "invalid", times: { ...run.times, endedAt: now } };
  const fanOut = isNarrowed ? { agents, isNarrowed } : { agents };
  return { ...rest, state: "running", fanOut, times: { ...run.times, runningAt: now } };
}

/** Which host a member is for. */
export function memberAgent({ target }: Run): string {
  return target.kind === "agent" ? target.agent : "";
}

/** True for runs that are of one whole: they are not in each other's way. */
export function areOfOne(one: Run, other: Run): boolean {
  const whole = one.partOf ?? one.run;
  return whole === (other.partOf ?? other.run);
}

/** True for a member that may not go from the live runs yet: what became of it is still to be counted. */
export function isMemberKept(view: JobView, run: Run): boolean {
  if (run.partOf === undefined) return false;
  return view.runs.some((one) => one.run === run.partOf && !hasEnded(one));
}

/** True while it waits for itself alone, and not as a part of another run. */
export function waitsInLine(run: Run): boolean {
  return run.partOf === undefined && isWaiting(run);
}
