/** Another try: a run that failed waits, and gets another attempt of its own once its time has come. */
import { isGivenUp, type Attempt } from "../domain/attempt.ts";
import { chanceOf } from "../domain/chance.ts";
import { instantOf } from "../domain/instant.ts";
import { policyOf } from "../domain/policy.ts";
import { RetryReason, retryDelayMs, type RetrySettings } from "../domain/retry.ts";
import { currentAttempt, type Run } from "../domain/run.ts";
import { CLOCKS_DIFFER_MS } from "./clocks.ts";
import { failure } from "./verdict.ts";
import { withAttempt } from "./with-attempt.ts";

/** The run waiting for another try; undefined when the end of its last attempt is its own end. */
export function triedAgain(run: Run, now: string): Run | undefined {
  const attempt = run.attempts.at(-1);
  const { retry } = policyOf(run);
  const failures = failuresOf(run) + 1;
  if (attempt === undefined || run.cancel !== undefined || failures > retry.count) return undefined;
  if (!isWorthIt(attempt, retry.on)) return undefined;
  const delayMs = retryDelayMs(retry, failures, chanceOf(`${run.run}.${attempt.number}`));
  const retryAt = instantOf(Date.parse(now) + delayMs);
  const { runningAt: _, ...times } = run.times;
  return {
    ...withAttempt(run, { retryAt }),
    state: "pending",
    waitingFor: "retry",
    times: { ...times, pendingAt: now },
  };
}

/** Codes and signals are those that the script ended with by itself. */
function isWorthIt(attempt: Attempt, on: RetrySettings["on"]): boolean {
  const { state, reason } = failure(attempt);
  if (state !== "failed" || !RetryReason.options.some((one) => one === reason)) return false;
  if (on === undefined) return true;
  const { exitCode, signal } = attempt.exit ?? {};
  return (
    on.reasons?.some((one) => one === reason) === true ||
    (reason === "exit" && on.exitCodes?.some((one) => one === exitCode) === true) ||
    (reason === "signal" && on.signals?.some((one) => one === signal) === true)
  );
}

/** The failed attempt that a waiting run is to try again; undefined when it waits for its first one, or after a lost one. */
export function failedTry(run: Run): Attempt | undefined {
  const last = currentAttempt(run) === undefined ? run.attempts.findLast(isGivenUp) : undefined;
  return last?.retryAt === undefined ? undefined : last;
}

/**
 * True until the time of a run's next try has come. Clocks are set, and another server may have another one: when there is
 * still longer to wait than there ever was, it holds up nothing.
 */
export function isBackingOff(run: Run, now: string): boolean {
  const retryAt = failedTry(run)?.retryAt;
  if (retryAt === undefined) return false;
  const leftMs = Date.parse(retryAt) - Date.parse(now);
  return leftMs > 0 && leftMs <= retryDelayMs(policyOf(run).retry, failuresOf(run), 0) + CLOCKS_DIFFER_MS;
}

function failuresOf({ attempts }: Run): number {
  return attempts.filter(({ retryAt }) => retryAt !== undefined).length;
}

/** Failed as its last try did, since no other one found a place in time; undefined when there was none. */
export function endedAsTried(run: Run, now: string): Run | undefined {
  const last = failedTry(run);
  if (last === undefined) return undefined;
  const { waitingFor: _, ...rest } = run;
  return { ...rest, ...failure(last), times: { ...run.times, endedAt: now } };
}
