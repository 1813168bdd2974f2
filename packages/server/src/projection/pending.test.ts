import type { Run, RunView } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { hear, sampleAgent, sampleAgents } from "../testing/sample-agents.ts";
import { AT, sampleRun } from "../testing/sample-run.ts";
import { JobsProjection } from "./jobs-projection.ts";
import { listPending } from "./pending.ts";

const nowMs = Date.parse(AT);

/** What waits for a host with one slot, and for one of zone eu; each run takes a second. */
function pending(
  runs: readonly Run[],
): (filter: { job?: string; agent?: string; limit: number }) => [string, number?][] {
  const agents = sampleAgents(sampleAgent("alpha"), sampleAgent("beta", { labels: { zone: "eu" } }));
  for (const { id } of agents.summaries()) hear(agents, id);
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  for (const [index, run] of runs.entries()) jobs.apply(entryOf({ kind: "run", run }, index + 1));
  const options = {
    jobs,
    agents,
    presenter: { present: ({ run }: Run) => ({ run }) as RunView },
    runs: { durations: { of: () => 1_000 } },
    nowMs: () => nowMs,
  };
  return (filter) =>
    listPending(options, filter).map(({ run: { run }, estimatedStartAt: at }) =>
      at === undefined ? [run] : [run, (Date.parse(at) - nowMs) / 1_000],
    );
}

const waiting = (id: string, change: Partial<Run> = {}): Run =>
  sampleRun({ run: id, job: `job of ${id}`, state: "pending", waitingFor: "slot", attempts: [], ...change });

test("an estimate is that of the whole line, whatever part of it is shown", () => {
  const eu = { kind: "any", labels: "zone=eu" } as const;
  const list = pending([waiting("a"), waiting("b", { target: eu }), waiting("c"), waiting("d", { target: eu })]);
  expect(list({ limit: 9 })).toEqual([
    ["a", 0],
    ["b", 0],
    ["c", 1],
    ["d", 1],
  ]);
  expect(list({ limit: 1 })).toEqual([["a", 0]]);
  expect(list({ limit: 9, job: "job of c" })).toEqual([["c", 1]]);
  expect(list({ limit: 9, agent: "beta" })).toEqual([
    ["b", 0],
    ["d", 1],
  ]);
});

test("what is behind a run that has hosts still to come has no estimate", () => {
  const target = { kind: "all", labels: "" } as const;
  const whole = sampleRun({
    run: "whole",
    job: "roll",
    target,
    state: "running",
    fanOut: { agents: ["alpha", "beta"] },
  });
  const part = waiting("part", { job: "roll", partOf: "whole" });
  const behind = waiting("behind", { job: "roll" });
  const listed = (...runs: Run[]): unknown => pending(runs)({ limit: 9 }).find(([run]) => run === "behind");
  expect(listed(whole, part, behind)).toEqual(["behind"]);
  const last = waiting("last", { job: "roll", partOf: "whole" });
  expect(listed(whole, part, last, behind)).toEqual(["behind", 2]);
});

test("the parts of a run for several hosts are in line, and in no list", () => {
  const part = waiting("b", { job: "job of whole", partOf: "whole" });
  const list = pending([waiting("a"), part, waiting("c")]);
  expect(list({ limit: 9 })).toEqual([
    ["a", 0],
    ["c", 2],
  ]);
  expect(list({ limit: 9, job: "job of whole" })).toEqual([]);
});

test("far behind in line there is no estimate", () => {
  const runs = Array.from({ length: 10_001 }, (_, index) => waiting(`run${String(index).padStart(5, "0")}`));
  const list = pending(runs);
  expect(list({ limit: 1, job: "job of run09999" })).toEqual([["run09999", 9_999]]);
  expect(list({ limit: 1, job: "job of run10000" })).toEqual([["run10000"]]);
});
