import { expect, test } from "vitest";
import type { Run } from "../domain/run.ts";
import {
  after,
  contextOf,
  NOW,
  runningRun,
  sampleAgent,
  sampleRun,
  sampleSubmission,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { decideCancel } from "./cancel.ts";
import { nextDueMs } from "./due.ts";
import { decideHold, decideRelease } from "./hold.ts";
import { ownerOf } from "./owner.ts";
import { reconcile } from "./reconcile.ts";
import { decideSubmit } from "./submit.ts";
import type { Decision } from "./view.ts";

const DUE = after(60_000);
const LIVE = runningRun({ run: "live0001" });

const atDue = (ms = 0): ReturnType<typeof contextOf> => contextOf(undefined, { now: after(60_000 + ms) });
const ahead = (change: Partial<Run> = {}): Run =>
  sampleRun({ state: "submitted", times: { submittedAt: NOW, dueAt: DUE }, ...change });

test("a run whose time has not come is accepted, assigned to nobody, and in nobody's way", () => {
  const run = written(decideSubmit(viewOf(LIVE), sampleSubmission({ dueAt: DUE }), contextOf()));
  expect(run).toMatchObject({
    state: "submitted",
    attempts: [],
    times: { submittedAt: NOW, dueAt: DUE },
    queueLimit: 100,
  });
  expect(run.times.pendingAt).toBeUndefined();
  expect(reconcile(viewOf(run), contextOf(undefined, { now: after(59_999) }))).toEqual({ kind: "nothing" });
  const other = written(decideSubmit(viewOf(run), sampleSubmission({ run: "run00002" }), contextOf()));
  expect(other.attempts).toHaveLength(1);
});

test("at its time it is assigned at once", () => {
  expect(written(reconcile(viewOf(ahead()), atDue()))).toMatchObject({
    state: "pending",
    times: { dueAt: DUE, pendingAt: DUE },
    attempts: [{ number: 1 }],
  });
});

test.each([
  ["reject", { state: "skipped", reason: "overlap", skippedFor: "live0001", times: { endedAt: DUE } }],
  ["queue", { state: "pending", waitingFor: "previous-run" }],
  ["queue-latest", { state: "pending", waitingFor: "previous-run" }],
] as const)("whether its job is busy is decided at its time: %s", (overlap, expected) => {
  expect(written(reconcile(viewOf(LIVE, ahead({ overlap })), atDue()))).toMatchObject(expected);
});

test("a full line skips it", () => {
  const waiting = sampleRun({ run: "wait0001", overlap: "queue", waitingFor: "previous-run" });
  const run = ahead({ overlap: "queue", queueLimit: 1 });
  expect(written(reconcile(viewOf(LIVE, waiting, run), atDue()))).toMatchObject({
    state: "skipped",
    reason: "overlap",
  });
});

test("one that came due while nobody could decide starts late, but not later than it would have waited", () => {
  const run = ahead({ waitAtMostMs: 5_000 });
  expect(written(reconcile(viewOf(run), atDue(5_000)))).toMatchObject({ state: "pending" });
  expect(written(reconcile(viewOf(run), atDue(5_001)))).toMatchObject({ state: "skipped", reason: "missed" });
});

test("a time that has passed is now; one that passed long ago is a mistake", () => {
  const early = (ms: number): Decision =>
    decideSubmit(viewOf(), sampleSubmission({ dueAt: after(-ms), policy: { waitAtMostMs: 1_000 } }), contextOf());
  expect(written(early(1_000))).toMatchObject({ state: "pending", attempts: [{ number: 1 }] });
  expect(early(1_001)).toMatchObject({ kind: "reject", error: { code: "invalid-request", field: "at" } });
});

test("a job may have a thousand runs ahead", () => {
  const runs = Array.from({ length: 1_000 }, (_, index) => ahead({ run: `run1${index}aaaa` }));
  expect(decideSubmit(viewOf(...runs), sampleSubmission({ dueAt: DUE }), contextOf())).toMatchObject({
    kind: "reject",
    error: { code: "queue-full", field: "name" },
  });
});

test("it can be cancelled, held and released before its time", () => {
  const by = { run: "run00001", by: "bob" };
  expect(written(decideCancel(viewOf(ahead()), by, contextOf()))).toMatchObject({ state: "cancelled" });
  const held = written(decideHold(viewOf(ahead()), by, contextOf()));
  expect(held).toMatchObject({ state: "submitted", hold: { by: "bob" } });
  expect(written(decideRelease(viewOf(held), by, contextOf()))).toEqual(
    expect.objectContaining({ state: "submitted" }),
  );
  expect(written(reconcile(viewOf(held), atDue()))).toMatchObject({
    state: "pending",
    waitingFor: "held",
    attempts: [],
  });
});

test("the server has to start it, soon after its time", () => {
  expect(ownerOf(ahead(), {})).toMatchObject({ owner: "server", deadlineAt: after(120_000) });
  expect(nextDueMs(viewOf(LIVE, ahead()))).toBe(Date.parse(DUE));
  expect(nextDueMs(viewOf(LIVE))).toBeUndefined();
});

test("without an agent in contact it waits, as any other", () => {
  const { licence: _, ...silent } = sampleAgent();
  const context = contextOf([silent], { now: DUE });
  expect(written(reconcile(viewOf(ahead()), context))).toMatchObject({ state: "pending", waitingFor: "agent" });
});
