/**
 * The last evidence of each attempt that is not settled yet, by the agent that gave it: evidence counts only if that
 * agent is the one which the attempt's record names.
 */
import { currentAttempt, findLeftOver, hasEnded, type Attempt, type Evidence, type Run } from "@jobs/core";

/** While the view is being read anew evidence may come before its run; but no agent may fill the desk with runs that are not. */
const UNKNOWN_MAX = 10_000;

export class EvidenceDesk {
  readonly #findRun: (run: string) => Run | undefined;
  /** By run, then by attempt and agent. */
  readonly #taken = new Map<string, Map<string, Evidence>>();

  constructor(options: { readonly findRun: (run: string) => Run | undefined }) {
    this.#findRun = options.findRun;
  }

  /** Keeps the evidence; false when it says nothing new, or of an attempt that is not this agent's. */
  take(agent: string, evidence: Evidence): boolean {
    const run = this.#findRun(evidence.run);
    if (!this.#isExpected(run, agent, evidence)) return false;
    const ofRun = this.#taken.get(evidence.run) ?? new Map<string, Evidence>();
    const key = keyOf(evidence.attempt, agent);
    const known = ofRun.get(key);
    if (known !== undefined && !isNewer(evidence, known)) return false;
    this.#taken.set(evidence.run, ofRun.set(key, evidence));
    return true;
  }

  /** While the view lags, evidence may also come of an attempt that it does not show yet: nobody would ask for it again. */
  #isExpected(run: Run | undefined, agent: string, { attempt }: Evidence): boolean {
    const isAhead = attempt > (run?.attempts.at(-1)?.number ?? 0);
    if (run === undefined || isAhead) return this.#taken.size < UNKNOWN_MAX;
    return run.attempts.some((one) => one.agent === agent && one.number === attempt);
  }

  /** What the host of this attempt said last. */
  find(run: string, attempt: Attempt): Evidence | undefined {
    return this.#taken.get(run)?.get(keyOf(attempt.number, attempt.agent));
  }

  /** Evidence that the record of its run does not show yet, because deciding on it failed. */
  findUndecided(run: Run): Evidence | undefined {
    const leftOver = findLeftOver(run);
    const attempt = leftOver ?? currentAttempt(run);
    const evidence = attempt === undefined ? undefined : this.find(run.run, attempt);
    if (attempt === undefined || evidence === undefined) return undefined;
    if (leftOver !== undefined) return evidence;
    if (hasEnded(run)) return undefined;
    const isShown = evidence.phase === "accepted" || (evidence.phase === "started" && run.state === "running");
    return isShown ? undefined : evidence;
  }

  forget(run: string): void {
    this.#taken.delete(run);
  }

  clear(): void {
    this.#taken.clear();
  }
}

function keyOf(attempt: number, agent: string): string {
  return `${attempt} ${agent}`;
}

function isNewer(one: Evidence, known: Evidence): boolean {
  return one.session !== known.session || one.revision > known.revision;
}
