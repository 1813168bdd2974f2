/** What must hold of the records of a job after every step, and of every step; throws when it does not. */
import { isGivenUp } from "../domain/attempt.ts";
import { currentAttempt, findLeftOver, hasEnded, isBusy, Run } from "../domain/run.ts";
import type { HostOrder } from "./host-model.ts";

const RECORD_MAX_BYTES = 32_000;
const UTF8 = new TextEncoder();

/** `occupied`: what hosts have of the job in truth, whatever the records say. */
export function checkJob(runs: readonly Run[], occupied: readonly HostOrder[]): void {
  const current = runs.filter((run) => isBusy(run) && currentAttempt(run) !== undefined);
  demand(!hasPair(current), () => `two current attempts of one job: ${show(current)}`);
  demand(!hasPair(occupied), () => `two scripts of one job at once: ${show(occupied)}`);
  for (const { run: id, attempt, agent } of occupied) {
    const run = runs.find((one) => one.run === id);
    const own = run === undefined ? undefined : (currentAttempt(run) ?? findLeftOver(run));
    const isKnown = run !== undefined && isBusy(run) && own?.number === attempt && own.agent === agent;
    demand(isKnown, () => `a script runs that its record does not know: ${id}.${attempt}`);
  }
  for (const run of runs) checkRun(run);
}

/** Every accepted run has ended, or is assigned, or says what it waits for. */
function checkRun(run: Run): void {
  const { state, reason, waitingFor, times } = run;
  const attempt = currentAttempt(run);
  const isFinal = ["completed", "failed", "cancelled", "skipped"].includes(state);
  demand(
    isFinal === (times.endedAt !== undefined),
    () => `an end without its time, or a time without the end: ${show(run)}`,
  );
  demand(
    isFinal === (reason !== undefined),
    () => `an end without a reason, or a reason without the end: ${show(run)}`,
  );
  demand(
    isFinal || (attempt === undefined) === (waitingFor !== undefined),
    () => `neither assigned nor waiting: ${show(run)}`,
  );
  demand(!isFinal || waitingFor === undefined, () => `it waits after its end: ${show(run)}`);
  demand(
    isFinal || run.cancel === undefined || attempt !== undefined,
    () => `it is to be cancelled and waits: ${show(run)}`,
  );
  demand(state !== "running" || attempt?.startedAt !== undefined, () => `it runs without a start: ${show(run)}`);
  demand(waitingFor === undefined || state === "pending", () => `it waits and is not pending: ${show(run)}`);
  demand(
    run.attempts.every(({ number }, index) => number > (run.attempts[index - 1]?.number ?? 0)),
    () => `numbers do not rise: ${show(run)}`,
  );
  const failed = run.attempts.filter(({ retryAt }) => retryAt !== undefined);
  demand(failed.length <= (run.retry?.count ?? 0), () => `more tries than allowed: ${show(run)}`);
  demand(
    run.attempts.every(({ assignedAt }, index) => {
      const before = run.attempts.slice(0, index).findLast(isGivenUp)?.retryAt;
      return before === undefined || Date.parse(before) <= Date.parse(assignedAt);
    }),
    () => `a try before its time: ${show(run)}`,
  );
}

export function checkStep(before: Run | undefined, next: Run): void {
  demand(UTF8.encode(JSON.stringify(next)).length < RECORD_MAX_BYTES, () => "a record of 32 kB");
  Run.parse(next);
  if (before === undefined) return;
  demand(before.writeId !== next.writeId, () => "a write without a name of its own");
  const lastOf = (run: Run): number => run.attempts.at(-1)?.number ?? 0;
  demand(lastOf(next) >= lastOf(before), () => `attempt numbers fall: ${show([before, next])}`);
  demand(before.times.submittedAt === next.times.submittedAt, () => "the time of the submission changes");
  if (!hasEnded(before)) return;
  const final = ({ state, reason, times, cancel }: Run): string => JSON.stringify([state, reason, times, cancel]);
  demand(final(before) === final(next), () => `an end changes: ${show([before, next])}`);
  demand(isBusy(before) || !isBusy(next), () => `an end makes the job busy again: ${show(next)}`);
}

/** True when two may not be at the same time: of one run, or not both `allow`. */
function hasPair(all: readonly { readonly run: string; readonly overlap: string }[]): boolean {
  return all.some((one, index) =>
    all.slice(index + 1).some((other) => one.run === other.run || one.overlap !== "allow" || other.overlap !== "allow"),
  );
}

function demand(holds: boolean, complaint: () => string): void {
  if (!holds) throw new Error(complaint());
}

function show(value: unknown): string {
  return JSON.stringify(value, (key, one: unknown) => (key === "payload" ? undefined : one));
}
