import { subjectOfRun } from "@jobs/core/jetstream";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { sampleRun } from "../testing/sample-run.ts";
import { DueJobs } from "./due-jobs.ts";

const BEGIN_MS = Date.parse("2026-03-01T12:00:00.000Z");
const DUE_MS = BEGIN_MS + 10_000;

/** What was looked at, and when, relative to the instant at which all are due. */
let looks: string[];
/** What a look comes to: nothing is written, as no host can have the start early. */
let look: (job: string) => boolean;
let jobs: JobsProjection;
let due: DueJobs;

beforeEach(() => {
  vi.useFakeTimers({ now: BEGIN_MS });
  looks = [];
  look = () => true;
  jobs = new JobsProjection({ monotonicMs: () => 0 });
  due = new DueJobs({
    jobs,
    nowMs: () => Date.now(),
    log: pino({ level: "silent" }),
    reconcile: async (job) => {
      looks.push(`${job} ${Date.now() - DUE_MS}`);
      return look(job);
    },
  });
});

afterEach(() => {
  due.stop();
  vi.useRealTimers();
});

/** Runs of these jobs are due at the instant. */
function begin(...names: readonly string[]): void {
  const times = { submittedAt: new Date(BEGIN_MS).toISOString(), dueAt: new Date(DUE_MS).toISOString() };
  for (const [index, job] of names.entries()) {
    const run = sampleRun({ job, run: `run0000${index}`, state: "submitted", times });
    jobs.apply({ kind: "run", job, subject: subjectOfRun(run), sequence: index + 1, run });
  }
  due.start(names);
}

test("a job is looked at a moment early, and at its instant when it is still to come then", async () => {
  begin("a");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks).toEqual(["a -100", "a 0"]);
});

test("a job whose instant passes while others are looked at is looked at after it, too", async () => {
  begin("a", "b");
  look = (job) => {
    if (job === "b" && Date.now() < DUE_MS) vi.setSystemTime(DUE_MS + 50);
    return true;
  };
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks.slice(0, 4)).toEqual(["a -100", "b -100", "a 51", "b 51"]);
});

test("what is to come once more because the clock was set back is looked at again", async () => {
  begin("a");
  look = () => {
    if (looks.length === 1) vi.setSystemTime(DUE_MS - 5_000);
    return true;
  };
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks).toEqual(["a -100", "a -100", "a 0"]);
});

test("a job of which it cannot be told when it comes due keeps no other one from its time", async () => {
  begin("a", "bad", "b");
  due.stop();
  const view = jobs.view.bind(jobs);
  jobs.view = (job) => {
    const task = {
      target: { kind: "any", labels: "" },
      payload: { form: "plain", sha256: "", sizeBytes: 0 },
      digest: "",
    } as const;
    const said = { v: 1, job, writeId: "", policy: {}, updatedAt: "1970-01-01T00:00:00Z", updatedBy: "" } as const;
    const definition = { ...said, task, schedules: [{ id: "main", cron: "@daily", zone: "Mars/Olympus" }] };
    return job === "bad" ? { ...view(job), runs: [], definition } : view(job);
  };
  due.start(["bad", "a", "b"]);
  due.set("bad");
  due.tryAgain("bad");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks).toEqual(["bad -9000", "a -100", "b -100", "a 0", "b 0"]);
});

test("after a failure it is looked at again within a second, and not once it was stopped", async () => {
  begin("a");
  look = (job) => {
    due.tryAgain(job);
    return false;
  };
  await vi.advanceTimersByTimeAsync(DUE_MS - BEGIN_MS + 2_500);
  expect(looks).toEqual(["a -100", "a 0", "a 1000", "a 2000"]);
  due.stop();
  due.tryAgain("a");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks).toHaveLength(4);
});
