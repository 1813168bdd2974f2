import type { Attempt, AttemptExit, Refusal } from "../domain/attempt.ts";
import type { Evidence } from "../domain/evidence.ts";
import { instantOf } from "../domain/instant.ts";
import { currentAttempt, hasEnded, type Run } from "../domain/run.ts";
import { cancelled } from "./cancel.ts";
import { mayRetry, retriedAfterLoss } from "./lose.ts";
import { candidatesOf } from "./place.ts";
import { triedAgain } from "./retry.ts";
import { verdict } from "./verdict.ts";
import { NOTHING, write, type Decision, type DecisionContext, type JobView } from "./view.ts";
import { withAttempt } from "./with-attempt.ts";

/** Refusals after which the run gets another attempt; the others would only come again. */
const PASSING: ReadonlySet<Refusal["code"]> = new Set([
  "no-licence",
  "no-room",
  "held",
  "stopping",
  "never-started",
  "stale-fence", // overtaken by a later run of the job that may overlap it: the next attempt has a higher fence
]);

/** What a record takes of a host's words, so that it stays small. */
const MESSAGE_MAX_LENGTH = 300;
const LEFT_OVER_PIDS_MAX = 100;
/** What many hosts refuse none will take. */
const EXCLUDED_MAX = 20;

/** What an agent's evidence makes of the attempt that it is about. Evidence of anybody else's attempt counts nothing. */
export function decideEvidence(
  view: JobView,
  { agent, evidence }: { agent: string; evidence: Evidence },
  context: DecisionContext,
): Decision {
  const run = view.runs.find((one) => one.run === evidence.run);
  const attempt = run?.attempts.find(({ number }) => number === evidence.attempt);
  if (run === undefined || attempt?.agent !== agent) return NOTHING;
  if (hasEnded(run) || attempt !== currentAttempt(run)) {
    const next = evidence.phase === "exited" ? emptied(run, attempt, evidence) : undefined;
    return next === undefined ? NOTHING : write(next, context);
  }
  switch (evidence.phase) {
    case "accepted":
      return NOTHING;
    case "refused":
      // What has started was not refused, whoever says so: it stays busy until its end.
      if (attempt.startedAt !== undefined || evidence.refusal === undefined) return NOTHING;
      return write(refused(run, evidence.refusal, context), context);
    case "started":
      if (run.state !== "pending") return NOTHING;
      return write(started(run, evidence, context.now), context);
    case "exited":
      return write(finished(run, evidence, context.now), context);
  }
}

/** The attempt is over without having begun: the run waits again, or has ended if it would be refused for ever. */
export function refused(run: Run, refusal: Refusal, context: DecisionContext): Run {
  const { now } = context;
  const message = refusal.message.slice(0, MESSAGE_MAX_LENGTH);
  const back = withAttempt(run, { refusal: { ...refusal, message }, exitedAt: now });
  if (run.cancel !== undefined) return cancelled(back, now);
  if (PASSING.has(refusal.code)) return { ...back, waitingFor: refusal.code === "no-room" ? "slot" : "agent" };
  const elsewhere = refusedThere(back, context);
  if (elsewhere !== undefined) return elsewhere;
  const again = triedAgain(back, now);
  if (again !== undefined) return again;
  return { ...back, state: "failed", reason: "refused-by-agent", times: { ...run.times, endedAt: now } };
}

/** The run waiting for another agent of its target, since this one will always refuse it; undefined when there is none. */
function refusedThere(run: Run, context: DecisionContext): Run | undefined {
  const agent = run.attempts.at(-1)?.agent;
  if (run.target.kind !== "any" || agent === undefined) return undefined;
  const excluded = [...(run.excluded ?? []), agent];
  const next: Run = { ...run, excluded, waitingFor: "agent" };
  return excluded.length <= EXCLUDED_MAX && candidatesOf(next, context).length > 0 ? next : undefined;
}

function started(run: Run, evidence: Evidence, now: string): Run {
  const { waitingFor: _, ...rest } = withAttempt(run, { startedAt: evidence.startedAt ?? now });
  return { ...rest, state: "running", times: { ...run.times, runningAt: beganAt(run, evidence, now) } };
}

/** When its host began it, by the servers' clock: since its assignment, and by now. The host tells it a moment later. */
function beganAt({ attempts }: Run, { startedAt, clockAheadMs }: Evidence, now: string): string {
  if (startedAt === undefined || clockAheadMs === undefined) return now;
  const sinceMs = Date.parse(attempts.at(-1)?.assignedAt ?? now);
  return instantOf(Math.min(Math.max(Date.parse(startedAt) - clockAheadMs, sinceMs), Date.parse(now)));
}

function finished(run: Run, evidence: Evidence, now: string): Run {
  const exit = exitOf(evidence);
  // What is left over of it holds the next one back.
  if (exit.cause === "no-contact" && mayRetry(run)) {
    const seen = { startedAt: evidence.startedAt ?? now, exitedAt: evidence.exitedAt ?? now, exit, log: evidence.log };
    return retriedAfterLoss(withAttempt(run, seen), now);
  }
  const attempt = { startedAt: evidence.startedAt ?? now, exitedAt: evidence.exitedAt ?? now, exit, log: evidence.log };
  const { waitingFor: _, ...rest } = withAttempt(run, attempt);
  const again = triedAgain(rest, now);
  if (again !== undefined) return again;
  const times = { ...run.times, runningAt: run.times.runningAt ?? beganAt(run, evidence, now), endedAt: now };
  return { ...rest, ...verdict(exit, run.cancel), times };
}

/** After the end of an attempt only one thing of it may still change: processes that were left over are gone. */
function emptied(run: Run, { number, exit: before }: Attempt, evidence: Evidence): Run | undefined {
  const { leftOverPids = [] } = exitOf(evidence);
  if (leftOverPids.length >= (before?.leftOverPids?.length ?? 0)) return undefined;
  return withAttempt(run, { exit: { ...before, leftOverPids } }, number);
}

function exitOf({ exit = {} }: Evidence): AttemptExit {
  const { leftOverPids } = exit;
  return leftOverPids === undefined ? exit : { ...exit, leftOverPids: leftOverPids.slice(0, LEFT_OVER_PIDS_MAX) };
}
