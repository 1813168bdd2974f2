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

test("a run for several hosts is one of the live runs, whatever hosts have of it", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const parts = ["part1", "part2"].map((id) => sampleRun({ run: id, partOf: "whole" }));
  const whole = sampleRun({ run: "whole", state: "running", target: { kind: "all", labels: "web" } });
  for (const [at, run] of [whole, ...parts].entries()) jobs.apply(entryOf({ kind: "run", run }, at + 1));
  expect(listJobs({ jobs, nowMs }, { limit: 1 })).toMatchObject([{ job: "nightly", liveRuns: 1 }]);
});

test("what is due next is told until it is due, with its jitter", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const schedules = [{ id: "main", cron: "@hourly", jitterMs: 3_599_999 }];
  jobs.apply(entryOf({ kind: "definition", definition: definition("jittery", { schedules }) }, 1));
  const nextAt = (ms: number) => listJobs({ jobs, nowMs: () => ms }, { limit: 1 })[0]?.next[0];
  const first = nextAt(nowMs());
  const dueMs = Date.parse(first?.dueAt ?? "");
  expect(dueMs - Date.parse(first?.at ?? "")).toBeGreaterThan(60_000);
  expect(nextAt(dueMs - 1)).toEqual(first);
  expect(nextAt(dueMs)?.at).toBe("2026-03-01T14:00:00.000Z");
});

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

test("a job with a schedule that this server cannot compute is listed, and says why it is left alone; so are the others", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const known = { id: "known", every: { ms: 60_000 } };
  const schedules = [known, { id: "newer", cron: "@daily", zone: "Mars/Olympus" }];
  jobs.apply(entryOf({ kind: "definition", definition: definition("a", { schedules }) }, 1));
  jobs.announce({ kind: "definition", definition: definition("b", { schedules }) }, 2);
  jobs.apply(entryOf({ kind: "definition", definition: definition("c", { schedules: [known] }) }, 3));
  const unreadable = expect.stringMatching(
    /schedule “newer”.*upgrade it, or save the schedule anew.*Mars\/Olympus/,
  ) as string;
  const [a, b, c] = listJobs({ jobs, nowMs }, { limit: 10 });
  expect([a, b]).toMatchObject(["a", "b"].map((job) => ({ job, unreadable, schedules: 2, next: [] })));
  expect(c).toMatchObject({ job: "c", next: [{ schedule: "known" }] });
  expect(c).not.toHaveProperty("unreadable");
});
