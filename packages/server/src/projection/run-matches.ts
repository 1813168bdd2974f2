import { hostOf, type Run, type RunFilter } from "@jobs/core";

interface Host {
  readonly agent: string;
  readonly name: string;
}

/** The hosts that had a run, or the one that alone may have it; a run for several has none itself: its parts have. */
export function hostsThatHad(run: Run): readonly Host[] {
  const { target } = run;
  const had = run.attempts.map((attempt) => ({ agent: attempt.agent, name: hostOf(run, attempt) }));
  const isNamed = target.kind === "agent" && had.every(({ agent }) => agent !== target.agent);
  return isNamed ? [...had, target] : had;
}

/** A filter that says by their names or ids which agents are meant. */
export type RunSelection = Omit<RunFilter, "agent" | "labels"> & {
  /** Any of these will do. */
  readonly agents?: readonly string[] | undefined;
};

/** A run's record, and its place in lists. */
export interface SubmittedRun {
  readonly run: Run;
  readonly submittedAtMs: number;
}

export function submittedRun(run: Run): SubmittedRun {
  return { run, submittedAtMs: Date.parse(run.times.submittedAt) };
}

/** Whether a run's record is one that the filter lets through. The parts of a run are found through it alone. */
export function runTest(filter: RunSelection): (run: SubmittedRun) => boolean {
  const { job, name, state, reason, submittedBy, since, until } = filter;
  const agents = filter.agents === undefined ? undefined : new Set(filter.agents);
  const isNamed = name === undefined ? undefined : isNameLike(name);
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  const untilMs = until === undefined ? undefined : Date.parse(until);
  return ({ run, submittedAtMs }) =>
    run.partOf === undefined &&
    (job === undefined || run.job === job) &&
    (state === undefined || state.includes(run.state)) &&
    (reason === undefined || (run.reason !== undefined && reason.includes(run.reason))) &&
    (agents === undefined ||
      hostsThatHad(run).some(({ agent, name: host }) => agents.has(agent) || agents.has(host))) &&
    (submittedBy === undefined || run.submittedBy === submittedBy) &&
    (isNamed === undefined || isNamed(run.job)) &&
    (sinceMs === undefined || submittedAtMs >= sinceMs) &&
    (untilMs === undefined || submittedAtMs < untilMs);
}

/** Whether a text is in the name of a job, in capitals or not. */
export function isNameLike(text: string): (job: string) => boolean {
  const wanted = text.normalize("NFC").toLowerCase();
  return (job) => job.toLowerCase().includes(wanted); // names are NFC already
}
