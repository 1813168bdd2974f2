import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { AT, sampleAttempt, sampleRun } from "../testing/sample-run.ts";
import { trackAttempts } from "./attempts-on-hosts.ts";
import { JobsProjection } from "./jobs-projection.ts";
import { Silence } from "./silence.ts";

test("the silence of hosts is measured of earlier attempts, too, by a server that comes later", () => {
  let nowMs = 0;
  const jobs = new JobsProjection({ monotonicMs: () => nowMs });
  const silence = new Silence({ monotonicMs: () => nowMs });
  trackAttempts(jobs, silence);
  const refusal = { code: "no-room", message: "" } as const;
  const attempts = [
    sampleAttempt({ number: 1, agent: "alpha", retryAt: AT }),
    sampleAttempt({ number: 2, agent: "beta", refusal }),
    sampleAttempt({ number: 3, agent: "gamma" }),
  ];
  jobs.apply(entryOf({ kind: "run", run: sampleRun({ attempts }) }, 1));
  for (; nowMs <= 100_000; nowMs += 1_000) silence.onOwnBeat(nowMs);
  const silentMs = (agent: string, attempt: number): number => silence.silentMs({ agent, run: "run00001", attempt });
  expect([silentMs("alpha", 1), silentMs("beta", 2), silentMs("gamma", 3)]).toEqual([100_000, 0, 100_000]);
  jobs.reset();
  expect([silentMs("alpha", 1), silentMs("gamma", 3)]).toEqual([0, 0]);
});
