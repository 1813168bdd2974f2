import { policyOf } from "../domain/policy.ts";
import { isAhead, priorityOf, type Run } from "../domain/run.ts";
import { assign } from "./assign.ts";
import { asOf, isHeldBack, lookAtMs } from "./early.ts";
import { byLine } from "./line.ts";
import { failedTry } from "./retry.ts";
import { skipped } from "./skipped.ts";
import { nextSlotMs } from "./slots.ts";
import { findRejection } from "./submit.ts";
import type { DecisionContext, JobView } from "./view.ts";

/** When a run's time comes, milliseconds since 1970. */
export function dueMs({ times: { dueAt, submittedAt } }: Run): number {
  return Date.parse(dueAt ?? submittedAt);
}

/**
 * A run whose time has come gets in line as a submission of this instant would, or is skipped where that would be refused.
 * One that came due while nobody could decide starts late, but not later than it would have waited.
 */
export function cameDue(run: Run, context: DecisionContext, view: JobView): Run | undefined {
  if (!isAhead(run)) return undefined;
  const early = asOf(dueMs(run), context);
  if (early === undefined) return inLine(run, context, view);
  const then = inLine(run, early, view);
  return then !== undefined && isHeldBack(then, context) ? then : undefined;
}

function inLine(run: Run, context: DecisionContext, view: JobView): Run | undefined {
  const lateMs = Date.parse(context.now) - dueMs(run);
  if (lateMs < 0) return undefined;
  const policy = policyOf(run);
  if (lateMs > policy.waitAtMostMs) return skipped(run, "missed", context.now);
  const rejection = findRejection(
    view,
    { policy, target: run.target, isHeld: run.hold !== undefined, isDependent: run.after !== undefined },
    context,
  );
  if (rejection === undefined)
    return assign(view, { ...run, state: "pending", times: { ...run.times, pendingAt: context.now } }, context);
  const skippedFor = rejection.run === undefined ? {} : { skippedFor: rejection.run };
  return skipped({ ...run, ...skippedFor }, rejection.reason, context.now);
}

/**
 * The next instant at which something of this job is to be looked at, as its time comes or will come at once, milliseconds
 * since 1970; undefined when there is none.
 */
export function nextDueMs(view: JobView, nowMs: number): number | undefined {
  const slotMs = nextSlotMs(view);
  const onTime = [...view.runs.filter(isAhead).map(dueMs), ...(slotMs === undefined ? [] : [slotMs])];
  const all = onTime.map((atMs) => lookAtMs(atMs, nowMs));
  for (const run of view.runs)
    if (run.waitingFor === "retry") all.push(Date.parse(failedTry(run)?.retryAt ?? run.times.submittedAt));
  return all.length === 0 ? undefined : Math.min(...all);
}

/** Jobs whose time has come at once, in the order in which their runs are to have what there is: as they would stand in line. */
export function inOrder(views: readonly JobView[], nowMs: number): readonly JobView[] {
  const all = views.map((view) => ({ view, run: firstDue(view, nowMs) }));
  const priority = ({ view, run }: (typeof all)[number]): number =>
    run === undefined ? policyOf({}, view.definition?.policy).priority : priorityOf(run);
  all.sort((one, other) => {
    if (one.run !== undefined && other.run !== undefined) return byLine(one.run, other.run);
    return priority(other) - priority(one) || Number(one.run === undefined) - Number(other.run === undefined);
  });
  return all.map(({ view }) => view);
}

/** The first in line of the runs whose time has come, or will at once; a slot has none yet. */
function firstDue({ runs }: JobView, nowMs: number): Run | undefined {
  return runs.filter((run) => isAhead(run) && lookAtMs(dueMs(run), nowMs) >= dueMs(run)).toSorted(byLine)[0];
}
