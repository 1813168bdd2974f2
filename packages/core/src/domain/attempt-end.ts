import { isGivenUp, type Attempt } from "./attempt.ts";
import { currentAttempt, type Run } from "./run.ts";

/** How an attempt ended, in some words: `exit code 3`; `an unknown end` when nobody saw it. */
export function howItEnded({ exit, refusal }: Attempt): string {
  if (refusal !== undefined) return `a refusal: ${refusal.message}`;
  if (exit?.exitCode !== undefined) return `exit code ${exit.exitCode}`;
  return exit?.signal === undefined ? "an unknown end" : `signal ${exit.signal}`;
}

/** The attempt that was given up, of a run that waits for another one, or ended while it did. */
export function findGivenUp(run: Run): Attempt | undefined {
  return currentAttempt(run) === undefined ? run.attempts.findLast(isGivenUp) : undefined;
}

/** What came of an attempt that was given up, as the beginning of a sentence. */
export function describeGivenUp(attempt: Attempt): string {
  return attempt.lost === undefined
    ? `Attempt ${attempt.number} ended with ${howItEnded(attempt).replace(/\.$/, "")}`
    : `Attempt ${attempt.number} was lost: its host said nothing of it for too long`;
}

/** Which limit of time ended the script. */
export function describeTimeout({ timeoutMs, silenceMs }: Run, { exit }: Attempt): string {
  return exit?.cause === "silence"
    ? `The script printed nothing for ${lengthOf(silenceMs)}, its limit`
    : `The script ran for ${lengthOf(timeoutMs)}, its limit`;
}

/** E.g. `1.5 s`, `10 min`, `36 h`. */
function lengthOf(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "too long";
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1_000} s`;
}
