import { expect, test } from "vitest";
import type { Dependencies } from "../domain/dependencies.ts";
import type { Run, RunState } from "../domain/run.ts";
import {
  after,
  contextOf,
  NOW,
  runningRun,
  sampleRun,
  sampleSubmission,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { reconcile } from "./reconcile.ts";
import { decideSubmit } from "./submit.ts";
import type { DecisionContext } from "./view.ts";

const ON_TWO: Dependencies = {
  runs: [
    { job: "a", run: "arun0001" },
    { job: "b", run: "brun0001" },
  ],
  on: "completed",
  otherwise: "skip",
};

/** The states of the runs `arun0001` and `brun0001`. */
const where = (a?: RunState, b?: RunState, now = NOW): DecisionContext =>
  contextOf(undefined, { now, stateOf: ({ run }) => (run === "arun0001" ? a : b) });

const dependent = (change: Partial<Dependencies> = {}, more: Partial<Run> = {}): Run =>
  sampleRun({ after: { ...ON_TWO, ...change }, waitingFor: "dependency", ...more });

test("a submission waits for the runs it depends on, also while its job is busy and its policy rejects", () => {
  const view = viewOf(runningRun({ run: "live0001" }));
  const run = written(decideSubmit(view, sampleSubmission({ after: ON_TWO }), where("running", "completed")));
  expect(run).toMatchObject({ state: "pending", waitingFor: "dependency", attempts: [], after: ON_TWO });
});

test.each(["submitted", "pending", "running"] as const)("it does not start while one of them is %s", (state) => {
  expect(reconcile(viewOf(dependent()), where(state, "completed"))).toEqual({ kind: "nothing" });
});

test("it starts once all have ended as they had to", () => {
  expect(written(reconcile(viewOf(dependent()), where("completed", "completed"))).attempts).toHaveLength(1);
});

test.each(["failed", "cancelled", "skipped"] as const)(
  "one that is %s skips it at once, unless it is to run",
  (state) => {
    const context = where("running", state);
    const unmet = { job: "b", run: "brun0001", state };
    const skipped = { state: "skipped", reason: "dependency-failed", attempts: [], unmet };
    expect(written(reconcile(viewOf(dependent()), context))).toMatchObject(skipped);
    expect(reconcile(viewOf(dependent({ otherwise: "run" })), context)).toEqual({ kind: "nothing" });
    const ended = where("completed", state);
    expect(written(reconcile(viewOf(dependent({ otherwise: "run" })), ended)).attempts).toHaveLength(1);
  },
);

test("on failed, a completed one skips it; on ended, any end will do", () => {
  const mixed = where("failed", "completed");
  expect(written(reconcile(viewOf(dependent({ on: "failed" })), mixed))).toMatchObject({
    reason: "dependency-failed",
    unmet: { run: "brun0001", state: "completed" },
  });
  expect(written(reconcile(viewOf(dependent({ on: "ended" })), mixed)).attempts).toHaveLength(1);
});

test("one that nobody has seen yet is waited for; of one that is forgotten nobody can say that it completed", () => {
  const unseen = viewOf(dependent());
  expect(reconcile(unseen, where("completed", undefined, after(89_999)))).toEqual({ kind: "nothing" });
  const forgotten = written(reconcile(unseen, where("completed", undefined, after(90_000))));
  expect(forgotten).toMatchObject({ reason: "dependency-failed", unmet: { job: "b", run: "brun0001" } });
  expect(forgotten.unmet).not.toHaveProperty("state");
});

test("of one that had ended when this was submitted the record says how, whatever became of it since", () => {
  const [a, b] = ON_TWO.runs.map((one) => ({ ...one, state: "completed" as const }));
  const runs = [a!, b!];
  for (const now of [NOW, after(90_000)])
    expect(written(reconcile(viewOf(dependent({ runs })), where(undefined, "running", now))).attempts).toHaveLength(1);
  const failed = [a!, { ...b!, state: "cancelled" as const }];
  expect(written(reconcile(viewOf(dependent({ runs: failed })), where()))).toMatchObject({
    reason: "dependency-failed",
    unmet: failed[1],
  });
});

test("one that nobody has seen yet is waited for, also where the clock of another server is a minute off", () => {
  for (const offMs of [-59_000, 59_000])
    expect(reconcile(viewOf(dependent()), where("completed", undefined, after(offMs)))).toEqual({ kind: "nothing" });
});

test("a clock that was set back does not make it wait for what is forgotten", () => {
  expect(written(reconcile(viewOf(dependent()), where("completed", undefined, after(-3_600_000))))).toMatchObject({
    reason: "dependency-failed",
  });
});

test("a submission whose dependency has failed already never starts", () => {
  const run = written(decideSubmit(viewOf(), sampleSubmission({ after: ON_TWO }), where("failed", "completed")));
  expect(run.attempts).toEqual([]);
  expect(written(reconcile(viewOf(run), where("failed", "completed")))).toMatchObject({ reason: "dependency-failed" });
});

test("others of its job pass it while it waits, and it them once it need not", () => {
  const first = dependent({}, { overlap: "queue" });
  const second = sampleRun({ run: "run00002", overlap: "queue", waitingFor: "previous-run" });
  expect(written(reconcile(viewOf(first, second), where("running", "running")))).toMatchObject({
    run: "run00002",
    attempts: [{ number: 1 }],
  });
  expect(written(reconcile(viewOf(first, second), where("completed", "completed")))).toMatchObject({
    run: "run00001",
    attempts: [{ number: 1 }],
  });
});
