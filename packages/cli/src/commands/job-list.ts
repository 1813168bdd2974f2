import { JobsError } from "@jobs/core";
import type { JobsClient, JobSummary } from "@jobs/sdk";
import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { instantText } from "../view-text.ts";

/** Options of `jobs job list`. */
export interface JobListOptions {
  readonly limit?: string;
  readonly after?: string;
}

const PAGE = 1_000;
const HEADER = ["JOB", "PAUSED", "SCHEDULES", "LIVE RUNS", "NEXT"].map((text): Cell => ({ text, colour: "dim" }));

/** Prints the jobs, by name. */
export async function listJobs({ jobs, output, io }: Context, { limit, after }: JobListOptions): Promise<void> {
  if (limit !== undefined && !/^[1-9]\d*$/.test(limit))
    throw new JobsError("invalid-request", `--limit takes a number from 1, not "${limit}".`, { field: "limit" });
  const most = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  const found: JobSummary[] = [];
  for await (const page of pagesOf(jobs, { after, most }, io.interrupt)) found.push(...page);
  if (output.isJson) return output.json({ jobs: found });
  if (found.length === 0) return output.note("There are no jobs.");
  output.table([
    HEADER,
    ...found.map(({ job, paused, schedules, liveRuns, unreadable, next: [next] }): Cell[] => [
      job,
      paused === undefined ? "no" : { text: `by ${paused.by}`, colour: "yellow" },
      String(schedules),
      String(liveRuns),
      unreadable !== undefined
        ? { text: "left alone: see jobs job NAME", colour: "red" }
        : next === undefined
          ? "-"
          : `${instantText(next.dueAt)} (${next.schedule})`,
    ]),
  ]);
}

async function* pagesOf(
  jobs: JobsClient,
  { after, most }: { after: string | undefined; most: number },
  signal: AbortSignal,
): AsyncGenerator<JobSummary[]> {
  let rest = most;
  let last = after;
  while (rest > 0) {
    const limit = Math.min(rest, PAGE);
    const page = await jobs.listJobs({ limit, ...(last === undefined ? {} : { after: last }) }, { signal });
    yield page;
    if (page.length < limit) return;
    rest -= page.length;
    last = page.at(-1)?.job;
  }
}
