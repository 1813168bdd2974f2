/**
 * Lost: nobody will tell any more how an attempt ended. It is a recorded decision, and a late one: the host itself ends
 * an attempt whose beats were not acknowledged for as long, so by now nothing of it runs there, unless the host was
 * stopped as a whole or the kernel could not end a process.
 */
import { policyOf } from "../domain/policy.ts";
import { currentAttempt, hasEnded, type Run } from "../domain/run.ts";
import type { DecisionContext } from "./view.ts";
import { withAttempt } from "./with-attempt.ts";

/** The run as it stands once its host was silent for too long; undefined while it may still be heard of. */
export function lost(run: Run, context: DecisionContext): Run | undefined {
  const attempt = currentAttempt(run);
  if (attempt === undefined || hasEnded(run) || attempt.lost !== undefined || attempt.lostAfterMs === null)
    return undefined;
  const silentMs = context.agents.silentMs({ agent: attempt.agent, run: run.run, attempt: attempt.number });
  if (silentMs < certainlyGoneAfterMs(attempt.lostAfterMs)) return undefined;
  const { now } = context;
  const mark = { at: now, silentMs: Math.floor(silentMs) };
  const onLost = policyOf(run).onLost;
  if (onLost === "hold") return withAttempt(run, { lost: mark });
  if (mayRetry(run)) return retriedAfterLoss(withAttempt(run, { lost: mark }), now);
  return endedAsLost(withAttempt(run, { lost: mark }), now);
}

/** True when a lost run gets another attempt. What somebody wanted to end gets none. */
export function mayRetry(run: Run): boolean {
  return policyOf(run).onLost === "retry" && run.cancel === undefined;
}

/** Waiting again, its last attempt given up: the host was silent for too long, or ended it for that reason itself. */
export function retriedAfterLoss(run: Run, now: string): Run {
  const { runningAt: _, ...times } = run.times;
  const { lost, lostAfterMs } = run.attempts.at(-1) ?? {};
  const mark = lost ?? { at: now, silentMs: lostAfterMs ?? 0 };
  const given = withAttempt(run, { lost: { ...mark, retried: true } });
  return { ...given, state: "pending", waitingFor: "agent", times: { ...times, pendingAt: now } };
}

/**
 * The host kills at `lostAfterMs` by its own clock, and then still has to see that all is gone: clocks differ by less than
 * one percent, and a kill is over, or hopeless, within some seconds.
 */
function certainlyGoneAfterMs(lostAfterMs: number): number {
  return lostAfterMs * 1.01 + 10_000;
}

/** Failed, with an end that nobody saw. */
export function endedAsLost(run: Run, now: string): Run {
  const { waitingFor: _, ...rest } = run;
  return { ...rest, state: "failed", reason: "lost", times: { ...run.times, endedAt: now } };
}
