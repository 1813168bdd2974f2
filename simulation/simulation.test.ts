import { describe, expect, test } from "vitest";
import { Simulation } from "./src/simulated.ts";

/** What worlds must have met in so many steps, for the steps to be worth something. */
const REACHED = [
  "nats: no answer in time",
  "nats: refused 10071",
  "client: job-busy",
  "client: no-deciding-server",
  "late arrival",
  "disconnect",
  "ack wait",
  "mishap: server killed",
  "mishap: supervisor killed",
  "mishap: host crashed",
  "mishap: host suspended",
  "mishap: nats node killed",
  "mishap: nats disk busy",
  "reached: everything ended",
  "reached: disk restored",
  "reached: left over",
  "reached: attempt started",
  "reached: completed exit",
  "reached: failed exit",
  "reached: failed signal",
  "reached: cancelled cancelled-by",
  "reached: failed host-restarted",
  "reached: tried again",
  "reached: failed timeout",
  "reached: gave way while it waited",
  "reached: expired in the queue",
  "reached: any agent",
  "reached: dependent started",
  "reached: overtaken by priority",
  "reached: skipped dependency-failed",
  "reached: part begun",
  "reached: run for several completed",
  "reached: run for several failed",
  "reached: run for several cancelled",
  "reached: slot fired",
  "reached: start held back",
  "reached: slot skipped overlap",
  "reached: slot skipped paused",
  "reached: slot skipped blackout",
  "reached: all slots traced",
  "reached: schedule retimed",
  "reached: schedule removed",
  "operator: drainAgent",
  "reached: job deleted",
  "operator: releaseRun",
  "operator: resumeAll",
  "operator: resumeJob",
];

/** What only one of the two sizes of NATS does, or meets in each so many steps. */
const REACHED_BY_NODES = {
  1: ["stalled request", "reached: slot skipped missed"],
  3: ["nats: refused 10164", "reached: host cloned", "mishap: nats leader changed"],
};

const STEPS_EACH = 1_000_000;

describe.concurrent("a million steps", () => {
  test.each([1, 3] as const)("on %i nodes break no rule", async (nodes) => {
    await using simulation = await Simulation.build();
    const result = await simulation.run("--steps", String(STEPS_EACH), "--nodes", String(nodes));
    expect(result.violation).toBeUndefined();
    expect(result.steps).toBeGreaterThanOrEqual(STEPS_EACH);
    const missed = [...REACHED, ...REACHED_BY_NODES[nodes]].filter((what) => result.counts[what] === undefined);
    expect(missed).toEqual([]);
  });
});

/** What is rare where everything goes wrong now and then. */
test.each([
  ["supervisor-ended", "1..6", { hosts: 2, kinds: ["supervisor killed"], mishapMs: 3_000, hasOutages: false }],
  ["lost", "1..12", { hosts: 2, hasOutages: true, forAll: 0 }],
] as const)("worlds with many runs that end as %s break no rule", async (reason, seeds, scale) => {
  await using simulation = await Simulation.build();
  const { violation, counts } = await simulation.run("--seeds", seeds, "--scale", JSON.stringify(scale));
  expect(violation).toBeUndefined();
  expect(counts[reason === "lost" ? "reached: lost" : `reached: failed ${reason}`]).toBeGreaterThan(0);
});

test("a seed gives the same steps each time, whatever ran before it", async () => {
  await using simulation = await Simulation.build();
  const [alone, after] = await Promise.all([simulation.run("--seed", "8"), simulation.run("--seeds", "7..8")]);
  expect(alone.steps).toBeGreaterThan(1_000);
  expect(after.traceHash).toBe(alone.traceHash);
  expect((await simulation.run("--seed", "7")).traceHash).not.toBe(alone.traceHash);
});
