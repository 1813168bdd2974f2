import { mayOverlap } from "../domain/overlap.ts";
import { currentAttempt, isBusy, type Run } from "../domain/run.ts";
import type { AgentView, DecisionContext, JobView } from "./view.ts";

/** The silence after which the host ends an attempt by itself, milliseconds. */
export const DEFAULT_LOST_AFTER_MS = 60 * 60 * 1000;
/** Between asking a script to end and ending it, milliseconds. */
export const DEFAULT_GRACE_MS = 10_000;
/** Refused attempts that a record keeps, so that it stays small. */
const KEPT_REFUSALS = 5;

/** The runs that `run` may not run beside, among those that keep the job busy and come before it or already run. */
export function blockers(view: JobView, run: Run): readonly Run[] {
  const place = view.runs.findIndex((other) => other.run === run.run);
  return view.runs.filter(
    (other, index) =>
      other.run !== run.run &&
      isBusy(other) &&
      !mayOverlap(other.overlap, run.overlap) &&
      (currentAttempt(other) !== undefined || place < 0 || index < place),
  );
}

/**
 * The run with its next attempt on its target, or with what it waits for instead.
 * An agent without a live licence is assigned nothing; neither is one whose slots are all taken.
 */
export function assign(view: JobView, run: Run, context: DecisionContext): Run {
  if (blockers(view, run).length > 0) return { ...run, waitingFor: "previous-run" };
  const agent = context.agents.get(run.target.agent);
  if (agent?.licence === undefined) return { ...run, waitingFor: "agent" };
  if (agent.assigned >= agent.slots) return { ...run, waitingFor: "slot" };
  return withAttempt(run, { ...agent, licence: agent.licence }, context.now);
}

function withAttempt(run: Run, agent: AgentView & Required<Pick<AgentView, "licence">>, now: string): Run {
  const { waitingFor: _, ...rest } = run;
  const attempt = {
    number: (run.attempts.at(-1)?.number ?? 0) + 1,
    agent: agent.id,
    licence: agent.licence,
    assignedAt: now,
    lostAfterMs: run.overlap === "allow" ? null : DEFAULT_LOST_AFTER_MS,
    graceMs: DEFAULT_GRACE_MS,
  };
  return { ...rest, attempts: [...run.attempts.slice(-KEPT_REFUSALS), attempt] };
}
