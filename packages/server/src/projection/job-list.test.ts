import type { JobDefinition, Run } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { AT, sampleRun } from "../testing/sample-run.ts";
import { listJobs } from "./job-list.ts";
import { JobsProjection } from "./jobs-projection.ts";

const nowMs = (): number => Date.parse(AT);

function definition(job: string, change: Partial<JobDefinition> = {}): JobDefinition {
  return { v: 1, job, writeId: "w", policy: {}, updatedAt: AT, updatedBy: "ada", ...change };
}

const run = (job: string, change: Partial<Run> = {}): Run => sampleRun({ job, run: `run of ${job}`, ...change });

test("jobs of which something is said or that have a live run, by name, a page at a time", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const paused = { at: AT, by: "ada" };
  const schedules = [
    { id: "late", cron: "0 18 * * *" },
    { id: "soon", every: { ms: 60_000 } },
    { id: "off", every: { ms: 1_000 }, paused: true },
  ];
  jobs.apply(entryOf({ kind: "definition", definition: definition("b", { paused, schedules }) }, 1));
  jobs.apply(entryOf({ kind: "run", run: run("c") }, 2));
  jobs.apply(
    entryOf(
      { kind: "run", run: run("only ended", { state: "completed", times: { submittedAt: AT, endedAt: AT } }) },
      3,
    ),
  );
  jobs.announce({ kind: "definition", definition: definition("a") }, 9);
  const all = listJobs({ jobs, nowMs }, { limit: 10 });
  expect(all).toMatchObject([
    { job: "a", schedules: 0, next: [], liveRuns: 0 },
    {
      job: "b",
      paused,
      schedules: 3,
      next: [
        { schedule: "soon", at: "2026-03-01T12:01:00.000Z" },
        { schedule: "late", at: "2026-03-01T18:00:00.000Z" },
      ],
    },
    { job: "c", liveRuns: 1 },
  ]);
  const pages = [undefined, "a", "b", "c"].map((after) => listJobs({ jobs, nowMs }, { limit: 1, after }));
  expect(pages.map((page) => page.map(({ job }) => job))).toEqual([["a"], ["b"], ["c"], []]);
});
