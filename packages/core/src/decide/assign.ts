import { policyOf } from "../domain/policy.ts";
import { type Run } from "../domain/run.ts";
import { dependencyState } from "./dependencies.ts";
import { blockers, unaccounted } from "./line.ts";
import type { AgentView, DecisionContext, JobView } from "./view.ts";

/** Refused attempts that a record keeps, and lost ones, so that it stays small. */
const KEPT_REFUSALS = 5;
const KEPT_LOST = 20;

/**
 * The run with its next attempt on its target, or with what it waits for instead.
 * An agent without a live licence is assigned nothing; neither is one whose slots are all taken.
 */
export function assign(view: JobView, run: Run, context: DecisionContext): Run {
  const waitingFor = findObstacle(view, run, context);
  if (waitingFor !== undefined) return { ...run, waitingFor };
  const agent = context.agents.get(run.target.agent);
  if (agent?.licence === undefined) return { ...run, waitingFor: "agent" };
  if (agent.assigned >= agent.slots) return { ...run, waitingFor: "slot" };
  return withAttempt(run, { ...agent, licence: agent.licence }, context.now);
}

function findObstacle(view: JobView, run: Run, context: DecisionContext): Run["waitingFor"] {
  if (run.hold !== undefined) return "held";
  if (view.definition?.paused !== undefined) return "job-paused";
  if (context.isPaused) return "all-paused";
  if (context.isRestoring) return "restored-store";
  if (["open", "unmet"].includes(dependencyState(run, context))) return "dependency";
  if (blockers(view, run).length > 0) return "previous-run";
  return unaccounted(view, context).length > 0 ? "left-over" : undefined;
}

function withAttempt(run: Run, agent: AgentView & Required<Pick<AgentView, "licence">>, now: string): Run {
  const { waitingFor: _, ...rest } = run;
  const { lostAfterMs, graceMs } = policyOf(run);
  const attempt = {
    number: (run.attempts.at(-1)?.number ?? 0) + 1,
    agent: agent.id,
    licence: agent.licence,
    assignedAt: now,
    lostAfterMs,
    graceMs,
  };
  return { ...rest, attempts: [...kept(run.attempts), attempt] };
}

function kept(attempts: Run["attempts"]): Run["attempts"] {
  const lost = attempts.filter((one) => one.lost !== undefined).slice(-KEPT_LOST);
  return attempts.filter((one, index) => lost.includes(one) || index >= attempts.length - KEPT_REFUSALS);
}
