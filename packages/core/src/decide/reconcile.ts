import { isNewerLicence } from "../domain/attempt.ts";
import { instantOf } from "../domain/instant.ts";
import { WAIT_AT_MOST_MS } from "../domain/policy.ts";
import { currentAttempt, hasEnded, isUnderWay, isWaiting, type Run } from "../domain/run.ts";
import { assign } from "./assign.ts";
import { cancelled } from "./cancel.ts";
import { dependsStill, unmet } from "./dependencies.ts";
import { cameDue } from "./due.ts";
import { isHeldBack } from "./early.ts";
import { refused } from "./evidence.ts";
import { passedOn, spread, stopped } from "./fan-out.ts";
import { blockers, byLine, inPlaceOf } from "./line.ts";
import { endedAsLost, lost } from "./lose.ts";
import { waitsInLine } from "./members.ts";
import { endedAsTried, failedTry, isBackingOff } from "./retry.ts";
import { skipped } from "./skipped.ts";
import { slotsDue } from "./slots.ts";
import { write, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** The longest pause before a run that was refused is tried again. */
const MAX_RETRY_MS = 30_000;

type Step = (run: Run, context: DecisionContext, view: JobView) => Run | undefined;

/** What makes room comes before what takes it. */
const STEPS: readonly Step[] = [
  cameDue,
  unmet,
  expired,
  superseded,
  replaced,
  passedOn,
  stopped,
  takenBack,
  lost,
  promoted,
  spread,
];

/**
 * The next step that the state of a job asks for, or nothing. Called after each change and every few seconds until it
 * says nothing, it heals whatever a crash between two steps left behind.
 */
export function reconcile(view: JobView, context: DecisionContext): Decision {
  for (const step of STEPS) {
    if (step === replaced && !view.runs.some(({ overlap }) => overlap === "replace")) continue;
    for (const run of step === promoted && view.runs.length > 1 ? view.runs.toSorted(byLine) : view.runs) {
      if (hasEnded(run)) continue;
      const next = step(run, context, view);
      if (next !== undefined) return write(next, context);
    }
  }
  return slotsDue(view, context);
}

/** The instant at which a run that still waits is skipped; undefined while it does not wait, or an operator holds it. */
export function waitEndsAt(run: Run): string | undefined {
  const atMs = waitEndsMs(run);
  return atMs === undefined ? undefined : instantOf(atMs);
}

function waitEndsMs(run: Run): number | undefined {
  if (!isWaiting(run) || run.state !== "pending" || run.hold !== undefined) return undefined;
  const pendingMs = Date.parse(run.times.pendingAt ?? run.times.submittedAt);
  const retryAt = failedTry(run)?.retryAt;
  // The time between two tries is no wait.
  const sinceMs = retryAt === undefined ? pendingMs : Math.max(pendingMs, Date.parse(retryAt));
  return sinceMs + (run.waitAtMostMs ?? WAIT_AT_MOST_MS);
}

/** A run that waited for too long. One that was lost, or failed, and found no other try has failed. */
function expired(run: Run, { now }: DecisionContext): Run | undefined {
  const atMs = waitEndsMs(run);
  if (atMs === undefined || Date.parse(now) < atMs) return undefined;
  const tried = endedAsTried(run, now);
  if (tried !== undefined) return tried;
  if (run.attempts.some((attempt) => attempt.lost !== undefined)) return endedAsLost(run, now);
  const end = skipped(run, "expired-in-queue", now);
  return run.waitingFor === undefined ? end : { ...end, waitedFor: run.waitingFor };
}

function isLatestQueued(run: Run): boolean {
  return run.overlap === "queue-latest" && waitsInLine(run) && run.hold === undefined;
}

/** A `queue-latest` run that waits gives way to a later one. */
function superseded(run: Run, context: DecisionContext, view: JobView): Run | undefined {
  // Of the first one all others are the later ones: when it gives way to none, no other does.
  if (!isLatestQueued(run) || run !== view.runs.find(isLatestQueued)) return undefined;
  const later = view.runs.slice(view.runs.indexOf(run) + 1);
  const latest = later.findLast((other) => isLatestQueued(other) && !dependsStill(other, context));
  if (latest === undefined) return undefined;
  return givesWay(run, latest, context.now);
}

/** What is in the way of a `replace` run gives way: at once, or as soon as its host has ended it. */
function replaced(run: Run, context: DecisionContext, view: JobView): Run | undefined {
  const { now, isPaused, isRestoring } = context;
  // Nothing ends for one that may not start.
  if (run.cancel !== undefined || isPaused || isRestoring || view.definition?.paused !== undefined) return undefined;
  // What came after it, and went first, is waited for.
  const place = view.runs.indexOf(run);
  const by = view.runs.findLast(
    (other, index) =>
      index > place &&
      other.overlap === "replace" &&
      waitsInLine(other) &&
      other.hold === undefined &&
      !isBackingOff(other, now) &&
      !dependsStill(other, context) &&
      blockers(view, other).includes(run),
  );
  return by === undefined ? undefined : givesWay(run, by, now);
}

/** The step by which one gives way to another: what only waits leaves it its place in line, and that is written first. */
function givesWay(run: Run, by: Run, now: string): Run {
  const asked: Run = { ...run, cancel: { requestedAt: now, by: by.submittedBy, replacedBy: by.run } };
  return isUnderWay(run) ? asked : (inPlaceOf(run, by) ?? cancelled(asked, now));
}

/** A run that waits: its attempt, if it may have one now; or what else it waits for by now. */
function promoted(run: Run, context: DecisionContext, view: JobView): Run | undefined {
  if (!isWaiting(run) || run.state !== "pending" || isTooSoon(run, context.now)) return undefined;
  const next = assign(view, run, context);
  // Taken back before its instant: only a host that holds its start back may have it by then.
  if ((run.times.dueAt ?? "") > context.now && !isHeldBack(next, context)) return undefined;
  return isWaiting(next) && next.waitingFor === run.waitingFor ? undefined : next;
}

/**
 * True for 1 s, 2 s, 4 s … after the refusal of the last attempt. Clocks are set, and another server may have another one:
 * a refusal that is still to come holds up nothing.
 */
function isTooSoon(run: Run, now: string): boolean {
  const last = run.attempts.at(-1);
  if (last?.refusal === undefined || last.exitedAt === undefined || last.refusal.code === "never-started") return false;
  const sinceMs = Date.parse(now) - Date.parse(last.exitedAt);
  return sinceMs >= 0 && sinceMs < Math.min(1000 * 2 ** (refusalsInARow(run) - 1), MAX_RETRY_MS);
}

/** Of a record that keeps only the last attempts this may be fewer than there were: as many as the longest pause takes. */
function refusalsInARow({ attempts }: Run): number {
  const others = attempts.findLastIndex(({ refusal }) => refusal === undefined || refusal.code === "never-started");
  return attempts.length - 1 - others;
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
  return refused(run, { code: "never-started", message }, context);
}
