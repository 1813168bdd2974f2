/**
 * A run on all hosts that match. It has no attempts of its own: for each host there is a member, a run of the same job that
 * is part of it, with all that a run has: attempts, log, artifacts, retries.
 *
 *   pending ──may start: agents frozen──► running ──members made, `atOnce` at a time──► all have ended, or stopped ──► ended
 *
 * Which members there are, and how they stand, is never stored beside them: ended ones stay live runs until the whole has
 * ended. A member's id is made from the run and the agent, so that none is made twice.
 */
import { shareOf } from "../domain/fan-out.ts";
import { currentAttempt, hasEnded, type Run } from "../domain/run.ts";
import { assign } from "./assign.ts";
import { cancelled } from "./cancel.ts";
import { countHosts, memberAgent, membersOf } from "./members.ts";
import { isAnyAvailable } from "./place.ts";
import { skipped } from "./skipped.ts";
import type { DecisionContext, JobView } from "./view.ts";

/** The next member of a run, when there is room for one; or the run itself, once all of them have ended. */
export function spread(run: Run, context: DecisionContext, view: JobView): Run | undefined {
  if (run.fanOut === undefined) return undefined;
  const { agents } = run.fanOut;
  const members = membersOf(view, run);
  const active = members.filter((one) => !hasEnded(one)).length;
  const isOver = members.length === agents.length || run.cancel !== undefined || isStopped(run, members);
  if (isOver) return active === 0 ? gathered(run, members, context.now) : undefined;
  if (view.definition?.paused !== undefined || context.isPaused || context.isRestoring) return undefined;
  if (active >= atOnceOf(run)) return undefined;
  const taken = new Set(members.map(memberAgent));
  const agent = agents.find((one) => !taken.has(one));
  return agent === undefined ? undefined : memberOf(run, agent, { context, view });
}

/** What was asked of the whole is asked of each member. */
export function passedOn(run: Run, { now }: DecisionContext, view: JobView): Run | undefined {
  if (run.partOf === undefined || run.cancel !== undefined) return undefined;
  const asked = view.runs.find((one) => one.run === run.partOf)?.cancel;
  if (asked === undefined) return undefined;
  const next: Run = { ...run, cancel: { ...asked, requestedAt: now } };
  return currentAttempt(run) === undefined ? cancelled(next, now) : next;
}

/** Once too many of its hosts have failed, what no host has begun is skipped: a part may have waited for its host. */
export function stopped(run: Run, { now }: DecisionContext, view: JobView): Run | undefined {
  if (run.fanOut === undefined) return undefined;
  const members = membersOf(view, run);
  const unbegun = isStopped(run, members) ? members.find((one) => !hasEnded(one) && !mayHaveBegun(one)) : undefined;
  return unbegun === undefined ? undefined : skipped(unbegun, "hosts-failed", now);
}

function mayHaveBegun({ attempts }: Run): boolean {
  return attempts.some(({ refusal }) => refusal === undefined);
}

function atOnceOf({ target, fanOut }: Run): number {
  const hosts = fanOut?.agents.length ?? 0;
  return target.kind === "all" && target.atOnce !== undefined ? Math.max(1, shareOf(target.atOnce, hosts)) : hosts;
}

/** More of its hosts have failed than may: it goes to no other. */
function isStopped({ target, fanOut }: Run, members: readonly Run[]): boolean {
  if (target.kind !== "all" || target.maxFailed === undefined) return false;
  const failed = members.filter((one) => hasEnded(one) && one.state !== "completed").length;
  return failed > shareOf(target.maxFailed, fanOut?.agents.length ?? 0);
}

/** Ended, as its hosts have ended it. */
function gathered(run: Run, members: readonly Run[], now: string): Run {
  const agents = run.fanOut?.agents ?? [];
  const { running: _, waiting: _waiting, ...counts } = countHosts(members, agents.length);
  const completed = new Set(members.filter(({ state }) => state === "completed").map(memberAgent));
  const notCompleted = agents.flatMap((agent, place) => (completed.has(agent) ? [] : [place]));
  const fanOut = { ...run.fanOut, agents, counts, notCompleted };
  const times = { ...run.times, endedAt: now };
  if (notCompleted.length === 0) return { ...run, fanOut, state: "completed", reason: "exit", times };
  if (run.cancel === undefined) return { ...run, fanOut, state: "failed", reason: "hosts-failed", times };
  const reason = run.cancel.replacedBy === undefined ? "cancelled-by" : "replaced-by";
  return { ...run, fanOut, state: "cancelled", reason, times };
}

/** The run on one host: it has the place in line of the whole. */
function memberOf(
  whole: Run,
  agent: string,
  { context, view }: { readonly context: DecisionContext; readonly view: JobView },
): Run {
  const { fanOut: _, cancel: _cancel, after: _after, slot: _slot, excluded: _excluded, ...kept } = whole;
  const { submittedAt, dueAt } = whole.times;
  const member: Run = {
    ...kept,
    run: context.memberRun({ run: whole.run, agent }),
    partOf: whole.run,
    state: "pending",
    target: { kind: "agent", agent, name: context.agents.get(agent)?.name ?? agent },
    times: { submittedAt, ...(dueAt === undefined ? {} : { dueAt }), pendingAt: context.now },
    attempts: [],
  };
  if (whole.whenUnavailable === "reject" && !isAnyAvailable(member, context))
    return skipped(member, "no-agent", context.now);
  return assign(view, member, context);
}
