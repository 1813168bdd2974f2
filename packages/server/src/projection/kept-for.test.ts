import type { JobDefinition } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { AT } from "../testing/sample-run.ts";
import { JobsProjection } from "./jobs-projection.ts";
import { keptForIn } from "./kept-for.ts";

test("as the job says, else as the servers are told; for ever where this version cannot read what it says", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const keptFor = keptForIn(jobs, { days: 90, runs: 100 });
  const policy = { retention: { days: 7 } };
  const definition: JobDefinition = { v: 1, job: "said", writeId: "w", policy, updatedAt: AT, updatedBy: "ada" };
  jobs.apply(entryOf({ kind: "definition", definition }, 1));
  jobs.apply({ kind: "unreadable", job: "newer", subject: "$KV.jobs.newer.def", sequence: 2 });
  expect(["said", "newer", "unknown"].map(keptFor)).toEqual([
    { days: 7, runs: 100 },
    { days: null, runs: null },
    { days: 90, runs: 100 },
  ]);
});
