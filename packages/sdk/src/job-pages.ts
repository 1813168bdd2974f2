import type { JobSummary, OperationInput } from "@jobs/core";
import { call, type CallOptions } from "./call.ts";
import type { Connection } from "./connection.ts";

const PAGE = 1_000;

export type JobsFilter = Omit<OperationInput<"listJobs">, "limit" | "after">;

/** The names of all jobs that the filter leaves, in order. */
export async function namesOfJobs(connection: Connection, filter: JobsFilter, options: CallOptions): Promise<string[]> {
  const names: string[] = [];
  for await (const page of pagesOfJobs(connection, filter, options)) names.push(...page.map(({ job }) => job));
  return names;
}

/** All jobs by name, a page at a time. */
export async function* pagesOfJobs(
  connection: Connection,
  filter: JobsFilter,
  options: CallOptions,
): AsyncGenerator<readonly JobSummary[]> {
  let after: string | undefined;
  for (;;) {
    const input = { ...filter, limit: PAGE, ...(after === undefined ? {} : { after }) };
    const { jobs } = await call(connection, { operation: "listJobs", input }, options);
    yield jobs;
    if (jobs.length < PAGE) return;
    after = jobs.at(-1)?.job;
  }
}
