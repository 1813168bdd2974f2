import { policyOf } from "../domain/policy.ts";
import { isAhead, priorityOf, type Run } from "../domain/run.ts";
import { assign } from "./assign.ts";
import { asOf, dueMs, isAtHand, isHeldBack, lookAtMs } from "./early.ts";
import { byLine } from "./line.ts";
import { failedTry } from "./retry.ts";
import { skipped } from "./skipped.ts";
import { nextSlotMs } from "./slots.ts";
import { findRejection } from "./submit.ts";
import type { DecisionContext, JobView } from "./view.ts";

/**
 * A run whose time has come gets in line as a submission of this instant would, or is skipped where that would be refused.
 * One that came due while nobody could decide starts late, but not later than it would have waited.
 */
export function cameDue(run: Run, context: DecisionContext, view: JobView): Run | undefined {
  if (!isAhead(run)) return undefined;
  const atMs = dueMs(run);
  const early = asOf(atMs, context);
  if (early === undefined && atMs > Date.parse(context.now)) return undefined;
  // Those before it have their turn first, each with a write of its own.
  if (view.runs.some((other) => isDueBefore(other, run))) return undefined;
  if ((nextSlotMs(view) ?? Number.POSITIVE_INFINITY) < atMs) return undefined;
  if (early === undefined) return inLine(run, context, view);
  const then = inLine(run, early, view);
  return isHeldBack(then, context) ? then : undefined;
}

/** True for a run whose time comes before that of another one of its job; of one instant the more urgent is first. */
function isDueBefore(one: Run, other: Run): boolean {
  if (one === other || !isAhead(one)) return false;
  const beforeMs = dueMs(other) - dueMs(one);
  return beforeMs > 0 || (beforeMs === 0 && byLine(one, other) < 0);
}

function inLine(run: Run, context: DecisionContext, view: JobView): Run {
  const lateMs = Date.parse(context.now) - dueMs(run);
  const policy = policyOf(run);
  // One that is held does not expire.
  if (lateMs > policy.waitAtMostMs && run.hold === undefined) return skipped(run, "missed", context.now);
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

/**
 * Jobs of which something comes due at once, in the order in which they are to have what there is: what is due already as it
 * would stand in line, then by the instant, and of one instant in line.
 */
export function inOrder(views: readonly JobView[], nowMs: number): readonly JobView[] {
  const all = views.map((view) => {
    const runs = view.runs.filter((run) => run.waitingFor === "retry" || isComing(run, nowMs));
    const atMs = (run: Run): number => Math.max(dueMs(run), nowMs);
    const [run] = runs.toSorted((one, other) => atMs(one) - atMs(other) || byLine(one, other));
    // A slot has no run yet.
    const priority = run === undefined ? policyOf({}, view.definition?.policy).priority : priorityOf(run);
    return {
      view,
      run,
      priority,
      atMs: run === undefined ? Math.max(nextSlotMs(view) ?? Number.POSITIVE_INFINITY, nowMs) : atMs(run),
    };
  });
  all.sort((one, other) => {
    if (one.atMs !== other.atMs) return one.atMs - other.atMs;
    if (one.run !== undefined && other.run !== undefined) return byLine(one.run, other.run);
    return other.priority - one.priority || Number(one.run === undefined) - Number(other.run === undefined);
  });
  return all.map(({ view }) => view);
}

/** True once its time has come, or will come so soon that its host may be told. */
function isComing(run: Run, nowMs: number): boolean {
  return isAhead(run) && (dueMs(run) <= nowMs || isAtHand(dueMs(run), nowMs));
}
