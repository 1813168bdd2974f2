import type { JobDefinition } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { AT, sampleRun } from "../testing/sample-run.ts";
import { Deciding, type DecidingOptions } from "./deciding.ts";

function startDeciding(watch: () => unknown, reconcile: (job: string) => Promise<void> = () => Promise.resolve()) {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const schedules = [{ id: "main", cron: "@daily", zone: "Mars/Olympus" }];
  const task: JobDefinition["task"] = {
    target: { kind: "any", labels: "" },
    payload: { form: "plain", sha256: "", sizeBytes: 0 },
    digest: "",
  };
  const said = { v: 1, writeId: "w", policy: {}, task, updatedAt: AT, updatedBy: "ada" } as const;
  jobs.apply(entryOf({ kind: "definition", definition: { ...said, job: "newer", schedules } }, 1));
  const idle = { start: () => Promise.resolve(), stop: () => Promise.resolve() };
  // What a start does not come to is left out.
  const parts = {
    jobs,
    desk: { clear: () => undefined },
    evidence: { watch },
    historyKeeper: idle,
    decider: { reconcile },
    nowMs: Date.now,
  };
  const deciding = new Deciding({ ...parts, log: pino({ level: "silent" }) } as unknown as DecidingOptions);
  return Object.assign(deciding, { jobs });
}

test("the duties begin also where a job has a schedule that this version cannot compute", async () => {
  let watches = 0;
  const deciding = startDeciding(() => {
    watches++;
    return { stop: () => Promise.resolve() };
  });
  await deciding.start();
  expect(watches).toBe(1);
  await deciding.stop();
});

test("duties that could not begin begin at the next start", async () => {
  let watches = 0;
  const deciding = startDeciding(() => {
    if (++watches === 1) throw new Error("no watch");
    return { stop: () => Promise.resolve() };
  });
  expect(() => deciding.start()).toThrow("no watch");
  await deciding.start();
  expect(watches).toBe(2);
  await deciding.stop();
});

test("once all is paused or resumed every job is decided on, in line, some at a time; what is said then begins it anew", async () => {
  const looks: { readonly job: string; readonly done: () => void }[] = [];
  const reconcile = (job: string): Promise<void> => new Promise((done) => looks.push({ job, done }));
  const deciding = startDeciding(() => ({ stop: () => Promise.resolve() }), reconcile);
  const { jobs } = deciding;
  const inLine = Array.from({ length: 2_500 }, (_, index) => `job ${index}`);
  for (const [index, job] of inLine.toReversed().entries()) {
    const submittedAt = new Date(Date.parse(AT) - index).toISOString();
    const run = sampleRun({ job, run: `run${index}`, waitingFor: "slot", times: { submittedAt } });
    jobs.apply(entryOf({ kind: "run", run }, index + 2));
  }
  jobs.applySettings({ v: 1, paused: { at: AT, by: "ada" } }, 5_000);
  expect(looks).toEqual([]); // it does not decide yet
  await deciding.start();
  const looked = (): string[] => looks.map(({ job }) => job);
  const goOn = (): void => looks.splice(0).forEach(({ done }) => done());
  jobs.applySettings({ v: 1 }, 5_001);
  expect(looked()).toEqual(inLine.slice(0, 1_000));
  goOn();
  await vi.waitFor(() => expect(looked()).toEqual(inLine.slice(1_000, 2_000)));
  const begun = looks.splice(0);
  jobs.applySettings({ v: 1, paused: { at: AT, by: "ada" } }, 5_002);
  expect(looked()).toEqual(inLine.slice(0, 1_000));
  begun.forEach(({ done }) => done());
  goOn();
  await vi.waitFor(() => expect(looked()).toEqual(inLine.slice(1_000, 2_000)));
  goOn();
  await vi.waitFor(() => expect(looked()).toEqual(inLine.slice(2_000)));
  await deciding.stop();
});
