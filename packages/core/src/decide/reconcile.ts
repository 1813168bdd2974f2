import { isNewerLicence } from "../domain/attempt.ts";
import { currentAttempt, hasEnded, type Run } from "../domain/run.ts";
import { assign } from "./assign.ts";
import { refused } from "./evidence.ts";
import { NOTHING, write, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** The longest pause before a run that was refused is tried again. */
const MAX_RETRY_MS = 30_000;

/**
 * The next step that the state of a job asks for, or nothing. Called after each change and every few seconds until it
 * says nothing, it heals whatever a crash between two steps left behind.
 */
export function reconcile(view: JobView, context: DecisionContext): Decision {
  for (const run of view.runs) {
    if (hasEnded(run)) continue;
    const next = currentAttempt(run) === undefined ? promoted(view, run, context) : takenBack(run, context);
    if (next !== undefined) return write(next, context);
  }
  return NOTHING;
}

/** A run that waits: its attempt, if it may have one now; or what else it waits for by now. */
function promoted(view: JobView, run: Run, context: DecisionContext): Run | undefined {
  if (run.state !== "pending" || isTooSoon(run, context.now)) return undefined;
  const next = assign(view, run, context);
  return currentAttempt(next) === undefined && next.waitingFor === run.waitingFor ? undefined : next;
}

/**
 * True for 1 s, 2 s, 4 s … after the refusal of the last attempt. Clocks are set, and another server may have another one:
 * a refusal that is still to come holds up nothing.
 */
function isTooSoon(run: Run, now: string): boolean {
  const last = run.attempts.at(-1);
  if (last?.refusal === undefined || last.exitedAt === undefined || last.refusal.code === "never-started") return false;
  const sinceMs = Date.parse(now) - Date.parse(last.exitedAt);
  return sinceMs >= 0 && sinceMs < Math.min(1000 * 2 ** (last.number - 1), MAX_RETRY_MS);
}

/**
 * An attempt that did not start under its licence never will: the agent's next licence is proof that the first one
 * lapsed, and a beat under it that does not list the attempt is proof that the host does not hold it.
 */
function takenBack(run: Run, context: DecisionContext): Run | undefined {
  const attempt = currentAttempt(run);
  if (attempt === undefined || attempt.startedAt !== undefined) return undefined;
  const agent = context.agents.get(attempt.agent);
  if (agent?.licence === undefined || !isNewerLicence(agent.licence, attempt.licence)) return undefined;
  if (agent.held.some((held) => held.run === run.run && held.attempt === attempt.number)) return undefined;
  const message = `${agent.name} has a newer licence and does not hold the attempt, so it never started.`;
  return refused(run, { code: "never-started", message }, context.now);
}
