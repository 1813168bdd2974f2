import { describe, expect, test } from "vitest";
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
import { inOrder, nextDueMs } from "./due.ts";
import { decideHold, decideRelease } from "./hold.ts";
import { ownerOf } from "./owner.ts";
import { reconcile } from "./reconcile.ts";
import { decideSubmit } from "./submit.ts";
import type { Decision, JobView } from "./view.ts";

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

test("one that is held does not expire while nobody can decide", () => {
  const held = ahead({ hold: { at: NOW, by: "bob" }, waitAtMostMs: 1_000 });
  expect(written(reconcile(viewOf(held), atDue(60_000)))).toMatchObject({ state: "pending", waitingFor: "held" });
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
  expect(nextDueMs(viewOf(LIVE), Date.parse(NOW))).toBeUndefined();
});

describe("a run that can start at its instant", () => {
  const host = sampleAgent({ holdsStarts: true });
  const just = (ms: number, agent = host): ReturnType<typeof contextOf> =>
    contextOf([agent], { now: after(60_000 - ms) });
  const early = { kind: "nothing" };

  test("is handed over a moment before, as it would be at the instant", () => {
    expect(reconcile(viewOf(ahead()), just(101))).toEqual(early);
    const handed = written(reconcile(viewOf(ahead()), just(100)));
    expect(handed).toEqual(written(reconcile(viewOf(ahead()), just(0))));
    expect(handed).toMatchObject({ state: "pending", times: { pendingAt: DUE }, attempts: [{ assignedAt: DUE }] });
  });

  test("is looked at then, and at its instant", () => {
    const dueMs = Date.parse(DUE);
    expect(nextDueMs(viewOf(LIVE, ahead()), Date.parse(NOW))).toBe(dueMs - 100);
    expect(nextDueMs(viewOf(LIVE, ahead()), dueMs - 101)).toBe(dueMs - 100);
    for (const nowMs of [dueMs - 100, dueMs, dueMs + 1]) expect(nextDueMs(viewOf(ahead()), nowMs)).toBe(dueMs);
  });

  test("is not handed to a host that would start it at once", () => {
    expect(reconcile(viewOf(ahead()), just(100, sampleAgent()))).toEqual(early);
  });

  test.each<[string, Partial<Run>]>([
    ["is skipped", { overlap: "reject" }],
    ["waits for another", { overlap: "queue" }],
    ["is held", { hold: { at: NOW, by: "bob" } }],
  ])("one that %s is decided on at its instant", (_, change) => {
    const view = change.hold === undefined ? viewOf(LIVE, ahead(change)) : viewOf(ahead(change));
    expect(reconcile(view, just(100))).toEqual(early);
    expect(written(reconcile(view, just(0)))).toMatchObject({ attempts: [] });
  });

  test("one whose host has no slot is decided on at its instant", () => {
    const full = sampleAgent({ holdsStarts: true, slots: 1, assigned: 1 });
    expect(reconcile(viewOf(ahead()), just(100, full))).toEqual(early);
    expect(written(reconcile(viewOf(ahead()), just(0, full)))).toMatchObject({ waitingFor: "slot" });
  });
});

test("without an agent in contact it waits, as any other", () => {
  const { licence: _, ...silent } = sampleAgent();
  const context = contextOf([silent], { now: DUE });
  expect(written(reconcile(viewOf(ahead()), context))).toMatchObject({ state: "pending", waitingFor: "agent" });
});

test("jobs that come due at once are in the order in which their runs would stand in line", () => {
  const nowMs = Date.parse(DUE) - 100;
  const viewAs = (job: string, change: Partial<Run>, others: Partial<JobView> = {}): JobView => ({
    job,
    runs: [ahead({ job, run: `${job}0001`, ...change })],
    ...others,
  });
  const { target, payload } = sampleSubmission();
  const definition = {
    v: 1,
    job: "slot",
    writeId: "d0",
    policy: { priority: 8 },
    task: { target, payload, digest: "task" },
    schedules: [{ id: "main", cron: "* * * * *" }],
    cursors: { main: NOW },
    updatedAt: NOW,
    updatedBy: "bob",
  } satisfies JobView["definition"];
  const views = [
    viewAs("later", { priority: 9, times: { submittedAt: NOW, dueAt: after(120_000) } }),
    viewAs("second", { priority: 5, times: { submittedAt: after(1), dueAt: DUE } }),
    viewAs("first", { priority: 5 }),
    viewAs("urgent", { priority: 9 }),
    { job: "slot", runs: [], definition },
  ];
  const jobs = inOrder(views, nowMs).map(({ job }) => job);
  expect(jobs).toEqual(["urgent", "slot", "first", "second", "later"]);
});

test("of runs of one job that come due at once the more urgent is first, too", () => {
  const one = ahead({ run: "one00001", overlap: "allow", priority: 1 });
  const urgent = ahead({ run: "urgent01", overlap: "allow", priority: 9 });
  expect(written(reconcile(viewOf(one, urgent), atDue())).run).toBe("urgent01");
});

describe("what comes due before it has its turn first, also where only the later one could be handed over early", () => {
  const older = sampleAgent({ id: "older-agent" });
  const agents = contextOf([sampleAgent({ holdsStarts: true }), older]).agents;
  const later = ahead({ run: "later001", priority: 9, times: { submittedAt: NOW, dueAt: after(60_050) } });
  const at = (ms: number): ReturnType<typeof contextOf> => contextOf(undefined, { agents, now: after(ms) });

  test.each([
    ["a host that holds no start back", { target: { kind: "agent", agent: older.id, name: "older" } } as const],
    ["a run that is held", { hold: { at: NOW, by: "bob" } }],
  ])("%s", (_, change) => {
    const view = viewOf(ahead({ run: "first001", ...change }), later);
    expect(reconcile(view, at(59_990))).toEqual({ kind: "nothing" });
    expect(written(reconcile(view, at(60_000)))).toMatchObject({ run: "first001", state: "pending" });
  });

  test("looked at late, the first one is handed over, and not the more urgent one behind it", () => {
    expect(written(reconcile(viewOf(ahead({ run: "first001" }), later), at(59_985)))).toMatchObject({
      run: "first001",
    });
    expect(written(reconcile(viewOf(ahead({ run: "first001" }), later), at(60_100)))).toMatchObject({
      run: "first001",
    });
  });

  test("taken back before its instant, it goes to no host that would start it at once", () => {
    const attempt = {
      number: 1,
      agent: "gone",
      licence: sampleAgent().licence!,
      assignedAt: DUE,
      lostAfterMs: null,
      graceMs: 0,
    };
    const refusal = { code: "never-started", message: "" } as const;
    const back = ahead({
      state: "pending",
      waitingFor: "agent",
      times: { submittedAt: NOW, dueAt: DUE, pendingAt: DUE },
      attempts: [{ ...attempt, refusal, exitedAt: after(59_960) }],
      target: { kind: "agent", agent: older.id, name: "older" },
    });
    expect(reconcile(viewOf(back), at(59_970))).toEqual({ kind: "nothing" });
    expect(written(reconcile(viewOf(back), at(60_000)))).toMatchObject({ attempts: [{}, { agent: older.id }] });
  });
});

test("one that is held before its time is its operator's, and one that depends on another waits for that", () => {
  const held = ownerOf(ahead({ hold: { at: NOW, by: "bob" } }), {});
  expect(held).toMatchObject({ owner: "operator", advice: expect.stringContaining("jobs release") });
  const dependent = sampleRun({ waitingFor: "dependency" });
  expect(ownerOf(dependent, { blockedBy: "other001" })).toMatchObject({ owner: "run", who: "other001" });
});
