/** Which rows of finished runs are looked through for a filter. */
import type { HistoryRows, JobRows, Row } from "./history-rows.ts";
import { isNameLike, type RunSelection } from "./run-matches.ts";

/** Up to so many runs those of some jobs are looked through by themselves. */
const FEW_RUNS = 5_000;
const FEW_JOBS = 20_000;

/** Rows, the oldest submission first, among which all are that the filter lets through. */
export function candidatesOf(rows: HistoryRows, { job, name }: RunSelection): ArrayLike<Row> {
  const jobs = job === undefined ? jobsLike(rows, name) : [rows.job(job)].filter((one) => one !== undefined);
  const count = jobs?.reduce((sum, one) => sum + one.count, 0) ?? Number.POSITIVE_INFINITY;
  return jobs === undefined || count > FEW_RUNS ? rows.order() : rowsOf(rows, jobs);
}

/** Undefined when there are too many jobs to look at each beforehand. */
function jobsLike(rows: HistoryRows, name: string | undefined): JobRows[] | undefined {
  if (name === undefined || rows.jobNumberEnd > FEW_JOBS) return undefined;
  const isLike = isNameLike(name);
  return [...rows.jobs()].filter((job) => isLike(job.name));
}

function rowsOf(rows: HistoryRows, jobs: readonly JobRows[]): Row[] {
  return jobs.flatMap(({ name }) => [...rows.rowsOf(name)]).sort((one, other) => rows.compare(one, other));
}
