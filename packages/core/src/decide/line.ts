/** Who waits for whom: derived from the records, never stored beside them. */
import { mayOverlap } from "../domain/overlap.ts";
import { currentAttempt, findLeftOver, hasEnded, isBusy, isUnderWay, priorityOf, type Run } from "../domain/run.ts";
import { targetKey } from "../domain/target.ts";
import { areOfOne, waitsInLine } from "./members.ts";
import type { DecisionContext, JobView, LiveOnHost } from "./view.ts";

/** Orders runs of a job by their submission, or by their time when that came later. */
export function bySubmission(one: Run, other: Run): number {
  const [a, b] = [cameAt(one), cameAt(other)];
  if (a !== b) return a < b ? -1 : 1;
  const { submittedAt: c } = one.times;
  const { submittedAt: d } = other.times;
  if (c !== d) return c < d ? -1 : 1;
  return (one.nth ?? 0) - (other.nth ?? 0) || (one.run === other.run ? 0 : one.run < other.run ? -1 : 1);
}

/** Orders the runs of a host's line: the more urgent first, then by since when they are in it. */
export function byLine(one: Run, other: Run): number {
  const byPriority = priorityOf(other) - priorityOf(one);
  if (byPriority !== 0) return byPriority;
  const [a, b] = [inLineSince(one), inLineSince(other)];
  return a === b ? bySubmission(one, other) : a < b ? -1 : 1;
}

/**
 * One that is to take the place of another one that waits, with that one's place in the line of their host; undefined when
 * it has none to take, or has it already.
 */
export function inPlaceOf(one: Run, later: Run): Run | undefined {
  if (priorityOf(one) < priorityOf(later) || targetKey(one.target) !== targetKey(later.target)) return undefined;
  const since = inLineSince(one);
  return since < inLineSince(later) ? { ...later, times: { ...later.times, inLineSince: since } } : undefined;
}

/** RFC 3339. */
function inLineSince(run: Run): string {
  return run.times.inLineSince ?? cameAt(run);
}

function cameAt({ times: { submittedAt, dueAt } }: Run): string {
  return dueAt !== undefined && dueAt > submittedAt ? dueAt : submittedAt;
}

/** The runs that keep the job busy, and that `run` may not run beside: those that have an attempt, and those before it in line. */
export function blockers(view: JobView, run: Run): readonly Run[] {
  return view.runs.filter(blocking(view, run));
}

/** The last of the {@link blockers} by their submission. */
export function lastBlocker(view: JobView, run: Run): Run | undefined {
  return view.runs.findLast(blocking(view, run));
}

/** True when there is any of the {@link blockers}: of a long line the first one says it. */
export function isBlocked(view: JobView, run: Run): boolean {
  return view.runs.some(blocking(view, run));
}

function blocking(view: JobView, run: Run): (other: Run, index: number) => boolean {
  const same = view.runs.indexOf(run);
  const place = same >= 0 ? same : view.runs.findIndex((other) => other.run === run.run);
  const isAheadOf = (other: Run, index: number): boolean => {
    const isEarlier = place < 0 || index < place;
    // It takes the place of all that were there before it, however urgent they are.
    if (run.overlap === "replace") return isEarlier;
    return (priorityOf(other) - priorityOf(run) || (isEarlier ? 1 : -1)) > 0;
  };
  return (other, index) => {
    if (mayOverlap(other.overlap, run.overlap) || areOfOne(other, run) || !isBusy(other)) return false;
    // What is left over of a try that was given up runs on, however urgent others are.
    if (isUnderWay(other) || findLeftOver(other) !== undefined) return true;
    // The whole has its turn already.
    if (run.partOf !== undefined) return hasEnded(other);
    return !isPassed(other) && isAheadOf(other, index);
  };
}

/** True for one that is held, or waits for runs of other jobs: those behind it in its job pass it. */
export function isPassed({ hold, waitingFor }: Run): boolean {
  return hold !== undefined || waitingFor === "dependency";
}

/** Of a view's runs, which are {@link bySubmission}, those that wait, in line, by their ids. Many are asked of one view. */
const lines = new WeakMap<JobView["runs"], ReadonlyMap<string, number>>();

/** A run's place among those of its job that wait, from 1; undefined when it does not wait, or the view has not seen it yet. */
export function placeInLine({ runs }: JobView, run: Run): number | undefined {
  if (!waitsInLine(run)) return undefined;
  if (runs.length === 1) return runs[0]?.run === run.run ? 1 : undefined;
  const line = lines.get(runs) ?? lineOf(runs);
  return line.get(run.run);
}

function lineOf(runs: JobView["runs"]): ReadonlyMap<string, number> {
  const waiting = runs.filter(waitsInLine).sort((one, other) => priorityOf(other) - priorityOf(one));
  const line = new Map(waiting.map(({ run }, index) => [run, index + 1]));
  lines.set(runs, line);
  return line;
}

/**
 * Attempts of the job that run on a host though no record accounts for them: left over after an end that was decided
 * without the host, or of a store that was restored. Nothing may start beside them.
 */
export function unaccounted(
  view: JobView,
  { agents }: { readonly agents: Pick<DecisionContext["agents"], "liveOf"> },
): readonly LiveOnHost[] {
  return agents.liveOf(view.job).filter(({ agent, run, attempt }) => {
    const known = view.runs.find((one) => one.run === run);
    const current = known === undefined || !isBusy(known) ? undefined : currentAttempt(known);
    return current?.agent !== agent || current.number !== attempt;
  });
}
