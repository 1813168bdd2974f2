import type { JobDefinition } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { pino } from "pino";
import { expect, test } from "vitest";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { AT } from "../testing/sample-run.ts";
import { Deciding, type DecidingOptions } from "./deciding.ts";

function startDeciding(watch: () => unknown) {
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
  const parts = { jobs, desk: { clear: () => undefined }, evidence: { watch }, historyKeeper: idle, nowMs: Date.now };
  return new Deciding({ ...parts, log: pino({ level: "silent" }) } as unknown as DecidingOptions);
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
