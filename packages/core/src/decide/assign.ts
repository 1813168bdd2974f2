import { policyOf } from "../domain/policy.ts";
import { RETRIES_MAX } from "../domain/retry.ts";
import { findLeftOver, type Run } from "../domain/run.ts";
import { dependsStill } from "./dependencies.ts";
import { isBlocked, unaccounted } from "./line.ts";
import { begun } from "./members.ts";
import { findPlace } from "./place.ts";
import { isBackingOff } from "./retry.ts";
import type { AgentView, DecisionContext, JobView } from "./view.ts";

/** Refused attempts that a record keeps, and ones that were given up, so that it stays small: no more are tried again after a failure. */
const KEPT_REFUSALS = 5;
const KEPT_GIVEN_UP = RETRIES_MAX;

/** The run with its next attempt on its target, or with what it waits for instead. */
export function assign(view: JobView, run: Run, context: DecisionContext): Run {
  const waitingFor = findObstacle(view, run, context);
  if (waitingFor !== undefined) return run.waitingFor === waitingFor ? run : { ...run, waitingFor };
  if (run.target.kind === "all") return begun(run, context);
  const place = findPlace(run, context);
  return place.agent === undefined
    ? { ...run, waitingFor: place.waitingFor }
    : withAttempt(run, place.agent, context.now);
}

function findObstacle(view: JobView, run: Run, context: DecisionContext): Run["waitingFor"] {
  if (run.hold !== undefined) return "held";
  if (view.definition?.paused !== undefined) return "job-paused";
  if (context.isPaused) return "all-paused";
  if (context.isRestoring) return "restored-store";
  if (isBackingOff(run, context.now)) return "retry";
  if (dependsStill(run, context)) return "dependency";
  if (isBlocked(view, run)) return "previous-run";
  return findLeftOver(run) !== undefined || unaccounted(view, context).length > 0 ? "left-over" : undefined;
}

function withAttempt(run: Run, agent: AgentView & Required<Pick<AgentView, "licence">>, now: string): Run {
  const { waitingFor: _, ...rest } = run;
  const { lostAfterMs, graceMs } = policyOf(run);
  const attempt = {
    number: (run.attempts.at(-1)?.number ?? 0) + 1,
    agent: agent.id,
    ...(run.target.kind === "agent" ? {} : { name: agent.name }),
    licence: agent.licence,
    assignedAt: now,
    lostAfterMs,
    graceMs,
  };
  return { ...rest, attempts: [...kept(run.attempts), attempt] };
}

function kept(attempts: Run["attempts"]): Run["attempts"] {
  // None that failed is ever dropped: they are what the tries are counted by.
  const failed = attempts.filter(({ retryAt }) => retryAt !== undefined);
  const lost = attempts.filter((one) => one.lost !== undefined && one.retryAt === undefined).toReversed();
  const givenUp = [...failed, ...lost].slice(0, KEPT_GIVEN_UP);
  return attempts.filter((one, index) => givenUp.includes(one) || index >= attempts.length - KEPT_REFUSALS);
}
