import type { Run } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { sampleRun } from "../testing/sample-run.ts";
import { runsWith } from "../testing/sample-runs.ts";
import { dependenciesOf } from "./after.ts";

/** Depends on the latest run of `nightly`, of which this server knows an older one until it catches up. */
async function latest(mayDecide: boolean): Promise<{ run: string | undefined; catchUps: number }> {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  let catchUps = 0;
  const catchUp = (): Promise<void> => {
    catchUps++;
    jobs.apply(entryOf({ kind: "run", run: sampleRun({ run: "newer001", nth: 2 }) }, 2));
    return Promise.resolve();
  };
  jobs.apply(
    entryOf(
      { kind: "run", run: sampleRun({ run: "older001", times: { submittedAt: "2026-03-01T11:00:00.000Z" } }) },
      1,
    ),
  );
  const runs = runsWith(catchUp, { jobs, mayDecide });
  const dependencies = await dependenciesOf({ runs: [], jobs: ["nightly"], on: "ended", otherwise: "run" }, runs);
  return { run: dependencies.runs[0]?.run, catchUps };
}

test("the latest run of a job is that which was accepted last, also by another server; the one that decides knows it", async () => {
  expect(await latest(false)).toEqual({ run: "newer001", catchUps: 1 });
  expect(await latest(true)).toEqual({ run: "older001", catchUps: 0 });
});

test("how a run has ended is kept with what waits for it: its record may be removed before that is stored", async () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const times = { submittedAt: "2026-03-01T11:00:00.000Z", endedAt: "2026-03-01T11:00:05.000Z" };
  const ended = sampleRun({ run: "ended001", state: "failed", reason: "exit", times });
  for (const [at, run] of [ended, sampleRun({ run: "live0001", job: "other" })].entries())
    jobs.apply(entryOf({ kind: "run", run }, at + 1));
  const runs = runsWith(() => Promise.resolve(), { jobs, mayDecide: true });
  const after = { runs: ["ended001", "live0001"], jobs: ["nightly"], on: "ended", otherwise: "run" } as const;
  expect((await dependenciesOf({ ...after, runs: [...after.runs], jobs: [...after.jobs] }, runs)).runs).toEqual([
    { job: "nightly", run: "ended001", state: "failed" },
    { job: "other", run: "live0001" },
  ]);
});

test("the latest run of a job is one whose time has come, however many are planned or were skipped after it", async () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const at = (minute: number): string => new Date(Date.UTC(2026, 2, 1, 12, minute)).toISOString();
  const apply = (run: Run, sequence: number): void => jobs.apply(entryOf({ kind: "run", run }, sequence));
  apply(sampleRun({ run: "running1", state: "running", times: { submittedAt: at(0) } }), 1);
  for (let nth = 1; nth <= 200; nth++) {
    const times = { submittedAt: at(nth), dueAt: at(100_000 + nth) };
    apply(sampleRun({ run: `later${nth}`, state: nth % 2 === 0 ? "submitted" : "skipped", times }), 1 + nth);
  }
  const runs = runsWith(() => Promise.resolve(), { jobs, mayDecide: true });
  const after = { runs: [], jobs: ["nightly"], on: "ended", otherwise: "run" } as const;
  const dependencies = await dependenciesOf({ ...after, runs: [], jobs: ["nightly"] }, runs);
  expect(dependencies.runs).toEqual([{ job: "nightly", run: "running1" }]);
});
