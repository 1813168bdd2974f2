import type { Run } from "@jobs/core";
import { expect, test } from "vitest";
import { sampleRun } from "../testing/sample-run.ts";
import { estimateStarts, type EstimateInput } from "./estimate.ts";

const MINUTE = 60_000;
const run = (id: string, job: string, change: Partial<Run> = {}): Run =>
  sampleRun({ run: id, job, overlap: "queue", ...change });

function estimate(change: Partial<EstimateInput>): Record<string, number> {
  const durations: Record<string, number> = { short: MINUTE, long: 10 * MINUTE };
  const starts = estimateStarts({
    nowMs: 0,
    agents: [{ id: "a", slots: 1 }],
    endless: [],
    running: [],
    waiting: [],
    wanted: new Set((change.waiting ?? []).map((one) => one.run.run)),
    durationMs: (job) => durations[job.split(" ")[0] ?? ""],
    ...change,
  });
  return Object.fromEntries([...starts].map(([id, ms]) => [id, ms / MINUTE]));
}

test("runs take the slots as they come free, in line", () => {
  const waiting = ["short 1", "long 2", "short 3"].map((job, index) => ({
    run: run(`run${index}`, job),
    agents: ["a"],
  }));
  const running = [{ run: run("running1", "short 0"), agent: "a", sinceMs: -MINUTE / 2 }];
  expect(estimate({ running, waiting })).toEqual({ run0: 0.5, run1: 1.5, run2: 11.5 });
  expect(estimate({ running, waiting, agents: [{ id: "a", slots: 2 }] })).toEqual({ run0: 0, run1: 0.5, run2: 1 });
});

test("a run that takes longer than others did is about to end", () => {
  const running = [{ run: run("running1", "short 0"), agent: "a", sinceMs: -5 * MINUTE }];
  expect(estimate({ running, waiting: [{ run: run("next", "short 1"), agents: ["a"] }] })).toEqual({ next: 0 });
});

test("a run waits for those of its own job, unless both may overlap", () => {
  const agents = [{ id: "a", slots: 9 }];
  const waiting = ["one", "two"].map((id) => ({ run: run(id, "long"), agents: ["a"] }));
  expect(estimate({ agents, waiting })).toEqual({ one: 0, two: 10 });
  const allow = waiting.map(({ run: one }) => ({ run: { ...one, overlap: "allow" as const }, agents: ["a"] }));
  expect(estimate({ agents, waiting: allow })).toEqual({ one: 0, two: 0 });
});

test("a run that may go to several goes to the first that is free", () => {
  const agents = ["a", "b"].map((id) => ({ id, slots: 1 }));
  const running = [{ run: run("running1", "long 0"), agent: "a", sinceMs: 0 }];
  const waiting = ["one", "two"].map((id) => ({ run: run(id, `short ${id}`), agents: ["a", "b"] }));
  expect(estimate({ agents, running, waiting })).toEqual({ one: 0, two: 1 });
});

test("of what nobody can tell there is no estimate, nor of what waits for it", () => {
  const waiting = [
    { run: run("here", "unknown"), agents: ["a"] },
    { run: run("behind", "short 1"), agents: ["a"] },
    { run: run("nowhere", "short 2"), agents: ["gone"] },
    { run: run("chained", "short 2"), agents: ["b"] },
    { run: run("later", "short 3"), agents: ["b"], notBeforeMs: 3 * MINUTE },
  ];
  expect(estimate({ agents: ["a", "b"].map((id) => ({ id, slots: 1 })), waiting })).toEqual({ here: 0, later: 3 });
});

test("a run that may not start yet keeps no slot free for itself", () => {
  const agents = [{ id: "a", slots: 2 }];
  const running = [{ run: run("running1", "long"), agent: "a", sinceMs: 0 }];
  const waiting = [
    { run: run("same job", "long"), agents: ["a"] },
    { run: run("other job", "short"), agents: ["a"] },
  ];
  expect(estimate({ agents, running, waiting })).toEqual({ "same job": 10, "other job": 0 });
  const retried = [
    { run: run("retried", "short 1"), agents: ["a"], notBeforeMs: 5 * MINUTE },
    { run: run("behind", "long 2"), agents: ["a"] },
  ];
  expect(estimate({ waiting: retried })).toEqual({ retried: 10, behind: 0 });
});

test("one that is held, or waits for other jobs, is passed by those of its job", () => {
  const agents = [{ id: "a", slots: 9 }];
  const hold = { at: "2026-03-01T12:00:00.000Z", by: "ada" };
  const passed = [
    run("held", "short", { hold, waitingFor: "held" }),
    run("chained", "short", { waitingFor: "dependency" }),
  ];
  const waiting = [...passed, run("next", "short"), run("last", "short")].map((one) => ({ run: one, agents: ["a"] }));
  expect(estimate({ agents, waiting })).toEqual({ next: 0, last: 1 });
});

test("the parts of a run for several wait for their hosts alone, and what is behind it for all of them", () => {
  const agents = ["a", "b"].map((id) => ({ id, slots: 1 }));
  const running = [{ run: run("other", "short 1"), agent: "b", sinceMs: 0 }];
  const parts = ["a", "b"].map((id) => ({ run: run(`on ${id}`, "long", { partOf: "whole" }), agents: [id] }));
  const waiting = [...parts, { run: run("behind", "long"), agents: ["a"] }];
  expect(estimate({ agents, running, waiting })).toEqual({ "on a": 0, "on b": 1, behind: 11 });
});

test("a run on all hosts begins once its job is free, whatever they have to do", () => {
  const running = [{ run: run("other", "long"), agent: "a", sinceMs: 0 }];
  const all = { kind: "all", labels: "" } as const;
  const waiting = [
    { run: run("whole", "short", { target: all }), agents: ["a"] },
    { run: run("behind", "short"), agents: ["a"] },
    { run: run("nowhere", "short 2", { target: all }), agents: [] },
  ];
  expect(estimate({ running, waiting })).toEqual({ whole: 0, behind: 10 });
});
