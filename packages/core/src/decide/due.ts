import { policyOf } from "../domain/policy.ts";
import { isAhead, type Run } from "../domain/run.ts";
import { assign } from "./assign.ts";
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

/** The next instant at which the time of something of this job comes, milliseconds since 1970; undefined when there is none. */
export function nextDueMs(view: JobView): number | undefined {
  const all = view.runs.filter(isAhead).map(dueMs);
  for (const run of view.runs)
    if (run.waitingFor === "retry") all.push(Date.parse(failedTry(run)?.retryAt ?? run.times.submittedAt));
  const slotMs = nextSlotMs(view);
  if (slotMs !== undefined) all.push(slotMs);
  return all.length === 0 ? undefined : Math.min(...all);
}
