import type { Run, RunFilter } from "@jobs/core";

/** Whether a run's record is one that the filter lets through. */
export function runTest(filter: RunFilter): (run: Run) => boolean {
  const { job, name, state, reason, agent, submittedBy, since, until } = filter;
  const isNamed = name === undefined ? undefined : isNameLike(name);
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  const untilMs = until === undefined ? undefined : Date.parse(until);
  return (run) =>
    (job === undefined || run.job === job) &&
    (state === undefined || state.includes(run.state)) &&
    (reason === undefined || (run.reason !== undefined && reason.includes(run.reason))) &&
    (agent === undefined || run.target.name === agent || run.target.agent === agent) &&
    (submittedBy === undefined || run.submittedBy === submittedBy) &&
    (isNamed === undefined || isNamed(run.job)) &&
    (sinceMs === undefined || Date.parse(run.times.submittedAt) >= sinceMs) &&
    (untilMs === undefined || Date.parse(run.times.submittedAt) < untilMs);
}

/** Whether a text is in the name of a job, in capitals or not. */
export function isNameLike(text: string): (job: string) => boolean {
  const wanted = text.normalize("NFC").toLowerCase();
  return (job) => job.toLowerCase().includes(wanted); // names are NFC already
}
