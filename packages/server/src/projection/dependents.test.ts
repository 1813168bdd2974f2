import type { Run } from "@jobs/core";
import { subjectOfRun } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { AT, sampleAttempt, sampleRun } from "../testing/sample-run.ts";
import { Dependents } from "./dependents.ts";
import { JobsProjection } from "./jobs-projection.ts";

const after: Run["after"] = { runs: [{ job: "other", run: "other001" }], on: "completed", otherwise: "skip" };
const waiting = sampleRun({ after, waitingFor: "dependency" });

function seen(...runs: readonly Run[]): Dependents {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const dependents = new Dependents(jobs);
  for (const [index, run] of runs.entries())
    jobs.apply({ kind: "run", job: run.job, subject: subjectOfRun(run), sequence: index + 1, run });
  return dependents;
}

test("a run waits for others until it has begun, in line, too", () => {
  const by = { job: waiting.job, run: waiting.run };
  for (const run of [waiting, sampleRun({ after, state: "submitted" }), sampleRun({ after, waitingFor: "slot" })]) {
    const dependents = seen(run);
    expect(dependents.of("other001")).toEqual([by]);
    expect(dependents.findAwaited(() => true)).toEqual({ run: "other001", by });
    expect(dependents.findAwaited((one) => one !== "other001")).toBeUndefined();
  }
});

test.each<[string, Run]>([
  ["has an attempt", sampleRun({ after, attempts: [sampleAttempt()] })],
  ["runs", sampleRun({ after, state: "running", attempts: [sampleAttempt()] })],
  ["waits for another try", sampleRun({ after, waitingFor: "retry", attempts: [sampleAttempt({ retryAt: AT })] })],
  ["goes to several hosts", sampleRun({ after, state: "running", fanOut: { agents: ["alpha"] } })],
  ["has ended", sampleRun({ after, state: "skipped", times: { ...waiting.times, endedAt: AT } })],
])("nothing is kept for one that %s", (_, run) => {
  const dependents = seen(waiting, run);
  expect(dependents.of("other001")).toEqual([]);
  expect(dependents.findAwaited(() => true)).toBeUndefined();
});
