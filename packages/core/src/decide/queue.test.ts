import { describe, expect, test } from "vitest";
import type { Run } from "../domain/run.ts";
import {
  after,
  assignedRun,
  contextOf,
  NOW,
  runningRun,
  sampleAgent,
  sampleRun,
  sampleSubmission,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { decideHold, decideRelease } from "./hold.ts";
import { blockers, byLine, placeInLine } from "./line.ts";
import { reconcile } from "./reconcile.ts";
import { decideSubmit } from "./submit.ts";
import type { Decision, DecisionContext, JobView } from "./view.ts";

const LIVE = runningRun({ run: "live0001" });
const next = (run: string, change: Partial<Run> = {}): Run => sampleRun({ run, overlap: "queue", ...change });

/** Reconciles until nothing is left to do; the runs as they stand then. */
function settle(view: JobView, context: DecisionContext): readonly Run[] {
  let runs = view.runs;
  for (let steps = 0; ; steps++) {
    const decision = reconcile(viewWith(view, runs), context);
    if (decision.kind !== "write") return runs;
    if (steps > 20) throw new Error("no end of steps");
    runs = runs.map((run) => (run.run === decision.run.run ? decision.run : run));
  }
}

function viewWith(view: JobView, runs: readonly Run[]): JobView {
  return { ...view, runs };
}

describe("priority", () => {
  const low = next("low00001", { waitingFor: "previous-run", priority: 2, times: { submittedAt: after(1) } });
  const urgent = next("urgent01", { waitingFor: "previous-run", priority: 9, times: { submittedAt: after(3) } });
  const first = next("first001", { waitingFor: "previous-run", times: { submittedAt: after(2) } });
  const view = viewOf(LIVE, low, first, urgent);

  test("a more urgent run overtakes those that wait, never the one that runs", () => {
    expect([low, first, urgent].map((run) => placeInLine(view, run))).toEqual([3, 2, 1]);
    for (const behind of [viewOf(LIVE), viewOf(LIVE, low)]) expect(placeInLine(behind, first)).toBeUndefined(); // not seen yet
    expect(blockers(view, urgent)).toEqual([LIVE]);
    expect(blockers(view, first)).toEqual([LIVE, urgent]);
    const runs = settle(viewOf(low, first, urgent), contextOf());
    expect(runs.map(({ run, attempts }) => [run, attempts.length])).toEqual([
      ["low00001", 0],
      ["first001", 0],
      ["urgent01", 1],
    ]);
  });

  test("a submission goes behind all that are as urgent, whatever their clocks said", () => {
    const ahead = next("ahead001", { waitingFor: "previous-run", priority: 5, times: { submittedAt: after(60_000) } });
    const submission = sampleSubmission({ policy: { overlap: "queue", priority: 5 } });
    const accepted = written(decideSubmit(viewOf(ahead), submission, contextOf()));
    expect(accepted).toMatchObject({ waitingFor: "previous-run", priority: 5 });
    const more = { ...submission, policy: { overlap: "queue", priority: 6 } } as const;
    expect(written(decideSubmit(viewOf(ahead), more, contextOf())).attempts).toHaveLength(1);
  });

  test("of runs that may overlap the more urgent takes the one slot", () => {
    const two = [low, urgent].map((run): Run => ({ ...run, overlap: "allow", waitingFor: "slot" }));
    const [one] = settle(viewOf(...two), contextOf([sampleAgent({ slots: 2, assigned: 1 })])).map(({ run }) => run);
    expect(one).toBe("low00001");
    const decision = reconcile(viewOf(...two), contextOf([sampleAgent({ slots: 2, assigned: 1 })]));
    expect(written(decision).run).toBe("urgent01");
  });

  test("what a try that was given up left over is passed by nobody, however urgent", () => {
    const attempt = { ...assignedRun().attempts[0]!, retryAt: after(9), exit: { exitCode: 1, leftOverPids: [7] } };
    const leaves = next("leaves01", { waitingFor: "left-over", priority: 0, attempts: [attempt] });
    expect(blockers(viewOf(leaves, urgent), urgent)).toEqual([leaves]);
  });

  test("what replaces ends nothing while it waits for its own dependencies", () => {
    const runs = [{ job: "other", run: "other001" }];
    const afterOther = { runs, on: "completed" as const, otherwise: "skip" as const };
    const by = next("bybybyb1", { overlap: "replace", after: afterOther, waitingFor: "dependency" });
    const view = viewOf(LIVE, by);
    expect(reconcile(view, contextOf(undefined, { stateOf: () => "running" }))).toEqual({ kind: "nothing" });
    expect(written(reconcile(view, contextOf(undefined, { stateOf: () => "completed" }))).cancel).toMatchObject({
      replacedBy: "bybybyb1",
    });
  });

  test("what replaces takes the place of more urgent ones, too", () => {
    const by = next("bybybyb1", { overlap: "replace", priority: 0, times: { submittedAt: after(9) } });
    const runs = settle(viewOf(urgent, by), contextOf());
    expect(runs.map(({ state, attempts }) => [state, attempts.length])).toEqual([
      ["skipped", 0],
      ["pending", 1],
    ]);
  });
});

describe("a submission while the job is busy", () => {
  test.each(["queue", "queue-latest", "replace"] as const)("is accepted with %s, and waits for the run", (overlap) => {
    const run = written(decideSubmit(viewOf(LIVE), sampleSubmission({ policy: { overlap } }), contextOf()));
    expect(run).toMatchObject({ state: "pending", waitingFor: "previous-run", overlap, attempts: [] });
  });

  test("uses the policy of the job's definition unless it says another", () => {
    const definition = {
      v: 1 as const,
      job: "nightly",
      writeId: "d1",
      policy: { overlap: "queue" as const, graceMs: 1 },
      updatedAt: NOW,
      updatedBy: "bob",
    };
    const view = { ...viewOf(LIVE), definition };
    expect(written(decideSubmit(view, sampleSubmission(), contextOf()))).toMatchObject({
      overlap: "queue",
      graceMs: 1,
    });
    const rejected = decideSubmit(view, sampleSubmission({ policy: { overlap: "reject" } }), contextOf());
    expect(rejected).toMatchObject({
      kind: "reject",
      error: { code: "job-busy", details: { link: "/v1/runs/live0001" } },
    });
  });

  test("is refused once as many wait as may", () => {
    const waiting = ["run00002", "run00003"].map((run) => next(run));
    const submit = (overlap: "queue" | "queue-latest" | "replace", queueLimit: number): Decision =>
      decideSubmit(viewOf(LIVE, ...waiting), sampleSubmission({ policy: { overlap, queueLimit } }), contextOf());
    expect(submit("queue", 2)).toMatchObject({
      kind: "reject",
      error: { code: "queue-full", field: "name", details: { waiting: 2, run: "run00002" } },
    });
    const one = viewOf(LIVE, next("run00002"));
    expect(
      decideSubmit(one, sampleSubmission({ policy: { overlap: "queue", queueLimit: 1 } }), contextOf()),
    ).toMatchObject({
      error: { message: expect.stringMatching(/^1 run of “.+” waits already: no more may\./) as string },
    });
    expect(submit("queue", 3).kind).toBe("write");
    expect(submit("queue-latest", 2)).toMatchObject({ kind: "reject", error: { code: "queue-full" } });
    expect(submit("replace", 2).kind).toBe("write"); // it takes the place of both
    const latest = [next("run00002", { overlap: "queue-latest" })];
    const take = (isHeld: boolean): Decision => {
      const submission = sampleSubmission({ isHeld, policy: { overlap: "queue-latest", queueLimit: 1 } });
      return decideSubmit(viewOf(LIVE, ...latest), submission, contextOf());
    };
    expect([take(false).kind, take(true).kind]).toEqual(["write", "reject"]); // a held one takes nobody's place
    const others: Run["after"] = { runs: [{ job: "other", run: "other001" }], on: "ended", otherwise: "skip" };
    const dependent = sampleSubmission({ after: others, policy: { overlap: "queue-latest", queueLimit: 1 } });
    expect(decideSubmit(viewOf(LIVE, ...latest), dependent, contextOf()).kind).toBe("reject"); // nor one that depends
  });

  test("is refused when its host would have to end it sooner than it can be missed", () => {
    const submit = (graceMs: number): Decision =>
      decideSubmit(viewOf(), sampleSubmission({ policy: { lostAfterMs: 180_000, graceMs } }), contextOf());
    expect(submit(60_001)).toMatchObject({ kind: "reject", error: { code: "invalid-request", field: "graceMs" } });
    expect(submit(60_000).kind).toBe("write");
  });
});

describe.each(["queue-latest", "replace"] as const)(
  "the place in its host's line of what waits goes to the %s that replaces it",
  (overlap) => {
    const waiting = next("run00002", { overlap, times: { submittedAt: after(1) } });
    const other = next("other001", { job: "other", times: { submittedAt: after(2) } });
    const later = (change: Partial<Run> = {}): Run =>
      next("run00003", { overlap, times: { submittedAt: after(3) }, ...change });
    const full = contextOf([sampleAgent({ slots: 1, assigned: 1 })]);
    const isFirst = (run: Run): boolean => byLine(settle(viewOf(waiting, run), full).at(-1) as Run, other) < 0;

    test("so it starts before what came meanwhile, however often it is replaced", () => {
      const second = settle(viewOf(waiting, later()), full);
      expect(second.map(({ state }) => state)).toEqual(["skipped", "pending"]);
      const last = next("run00004", { overlap, times: { submittedAt: after(4) } });
      const third = settle(viewOf(...second.slice(1), last), full).at(-1) as Run;
      expect(third.times).toEqual({ submittedAt: after(4), inLineSince: after(1) });
      expect([other, third].sort(byLine)).toEqual([third, other]);
    });

    test("and is its own before the other one has ended: a crash in between loses no place", () => {
      const first = written(reconcile(viewOf(waiting, later()), full));
      expect(first).toMatchObject({ run: "run00003", times: { inLineSince: after(1) } });
      expect(written(reconcile(viewOf(waiting, first), full))).toMatchObject({ run: "run00002", state: "skipped" });
    });

    test("unless it stands in another line, or was less urgent", () => {
      expect(isFirst(later())).toBe(true);
      expect(isFirst(later({ target: { kind: "any", labels: "role=web" } }))).toBe(false);
      const urgent = settle(viewOf(waiting, later({ priority: 9 })), full).at(-1);
      expect(urgent?.times).toEqual({ submittedAt: after(3) });
    });
  },
);

describe("queue-latest", () => {
  test("leaves the latest alone waiting; the others are skipped and say for whom", () => {
    const waiting = ["run00002", "run00003", "run00004"].map((run) => next(run, { overlap: "queue-latest" }));
    const runs = settle(viewOf(LIVE, ...waiting), contextOf());
    expect(runs.map(({ state, reason, cancel }) => [state, reason, cancel?.replacedBy])).toEqual([
      ["running", undefined, undefined],
      ["skipped", "replaced-by", "run00004"],
      ["skipped", "replaced-by", "run00004"],
      ["pending", undefined, undefined],
    ]);
  });

  test("gives way to no run that is held", () => {
    const held = next("run00003", { overlap: "queue-latest", hold: { at: NOW, by: "bob" } });
    const runs = settle(viewOf(LIVE, next("run00002", { overlap: "queue-latest" }), held), contextOf());
    expect(runs.map(({ state }) => state)).toEqual(["running", "pending", "pending"]);
  });

  test("gives way to no run that waits for runs of other jobs, until that may start", () => {
    const after: Run["after"] = { runs: [{ job: "other", run: "other001" }], on: "completed", otherwise: "skip" };
    const chained = next("run00003", { overlap: "queue-latest", after, waitingFor: "dependency" });
    const view = viewOf(LIVE, next("run00002", { overlap: "queue-latest" }), chained);
    const states = (other: "running" | "completed"): unknown[] =>
      settle(view, contextOf([], { stateOf: () => other })).map(({ state }) => state);
    expect(states("running")).toEqual(["running", "pending", "pending"]);
    expect(states("completed")).toEqual(["running", "skipped", "pending"]);
  });

  test("takes nobody's place who waits in a queue", () => {
    const runs = settle(viewOf(LIVE, next("run00002"), next("run00003", { overlap: "queue-latest" })), contextOf());
    expect(runs.map(({ state }) => state)).toEqual(["running", "pending", "pending"]);
  });
});

describe("replace", () => {
  test("asks the host to end what runs, skips what waits, and starts only once that has ended", () => {
    const view = viewOf(LIVE, next("run00002"), next("run00003", { overlap: "replace" }));
    const runs = settle(view, contextOf());
    expect(runs).toMatchObject([
      { state: "running", cancel: { replacedBy: "run00003", by: "ada" } },
      { state: "skipped", reason: "replaced-by" },
      { state: "pending", waitingFor: "previous-run", attempts: [] },
    ]);
    const ended = { ...(runs[0] as Run), state: "cancelled" as const, times: { submittedAt: NOW, endedAt: NOW } };
    expect(settle(viewOf(ended, runs[2] as Run), contextOf())[1]).toMatchObject({ attempts: [{ number: 1 }] });
  });

  test("waits for what came after it and went first: it takes the place of what was there before it", () => {
    const by = next("bybybyb1", { overlap: "replace", waitingFor: "previous-run", times: { submittedAt: after(1) } });
    const urgent = next("urgent01", { priority: 9, waitingFor: "previous-run", times: { submittedAt: after(2) } });
    const runs = settle(viewOf(by, urgent), contextOf());
    expect(runs.map(({ attempts, cancel }) => [attempts.length, cancel])).toEqual([
      [0, undefined],
      [1, undefined],
    ]);
    const ended = { ...(runs[1] as Run), state: "completed" as const, times: { submittedAt: NOW, endedAt: NOW } };
    expect(settle(viewOf(by, ended), contextOf())[0]).toMatchObject({ attempts: [{ number: 1 }] });
  });

  test("of several that wait only the last one is left", () => {
    const two = ["run00002", "run00003"].map((run) => next(run, { overlap: "replace" }));
    const runs = settle(viewOf(LIVE, ...two), contextOf());
    expect(runs[1]).toMatchObject({ state: "skipped", cancel: { replacedBy: "run00003" } });
    expect(runs[0]).toMatchObject({ cancel: { replacedBy: "run00003" } });
  });

  test("ends nothing while it may not start itself", () => {
    const view = viewOf(LIVE, next("run00003", { overlap: "replace" }));
    expect(settle(view, contextOf([sampleAgent()], { isPaused: true }))[0]?.cancel).toBeUndefined();
    expect(settle(view, contextOf([sampleAgent()], { isRestoring: true }))[0]?.cancel).toBeUndefined();
    const paused = { v: 1 as const, job: "nightly", writeId: "d1", policy: {}, updatedAt: NOW, updatedBy: "bob" };
    const definition = { ...paused, paused: { at: NOW, by: "bob" } };
    expect(settle({ ...view, definition }, contextOf())[0]?.cancel).toBeUndefined();
  });

  test("does not touch those behind it in line", () => {
    const view = viewOf(LIVE, next("run00002", { overlap: "replace" }), next("run00003"));
    expect(settle(view, contextOf())[2]).toMatchObject({ state: "pending", waitingFor: "previous-run" });
  });
});

describe("a held run", () => {
  const held = next("run00001", { hold: { at: NOW, by: "bob" }, waitingFor: "held" });

  test("does not start, and those behind it pass it", () => {
    const runs = settle(viewOf(held, next("run00002")), contextOf());
    expect(runs.map(({ attempts, waitingFor }) => [attempts.length, waitingFor])).toEqual([
      [0, "held"],
      [1, undefined],
    ]);
  });

  test("is let go at its old place, and its wait begins anew", () => {
    const view = viewOf(held, runningRun({ run: "run00002", overlap: "queue" }), next("run00003"));
    const released = written(decideRelease(view, { run: "run00001", by: "bob" }, contextOf([], { now: after(9) })));
    expect(released).toMatchObject({ waitingFor: "previous-run", times: { pendingAt: after(9) } });
    expect(released.hold).toBeUndefined();
    const line = viewWith(view, [released, ...view.runs.slice(1)]);
    expect(placeInLine(line, released)).toBe(1);
    expect(blockers(line, line.runs[2] as Run).map(({ run }) => run)).toEqual(["run00001", "run00002"]);
  });

  test("can be held only while no host has it, and twice is once", () => {
    const hold = (run: Run): Decision => decideHold(viewOf(run), { run: run.run, by: "bob" }, contextOf());
    expect(hold(sampleRun())).toMatchObject({ kind: "write", run: { hold: { by: "bob" }, waitingFor: "held" } });
    expect(hold(held)).toMatchObject({ kind: "known" });
    expect(hold(assignedRun())).toMatchObject({ kind: "reject", error: { code: "run-started", field: "run" } });
    expect(decideHold(viewOf(), { run: "run00009", by: "bob" }, contextOf())).toMatchObject({
      kind: "reject",
      error: { code: "run-unknown" },
    });
  });

  test("may be submitted held", () => {
    const run = written(decideSubmit(viewOf(), sampleSubmission({ isHeld: true }), contextOf()));
    expect(run).toMatchObject({ hold: { by: "ada", at: NOW }, waitingFor: "held", attempts: [] });
    expect(run).not.toHaveProperty("isHeld");
  });
});

describe("a pause", () => {
  const definition = { v: 1 as const, job: "nightly", writeId: "d1", policy: {}, updatedAt: NOW, updatedBy: "bob" };
  const paused = { ...definition, paused: { at: NOW, by: "bob" } };

  test("of the job lets nothing start; what is submitted waits", () => {
    const view = { ...viewOf(), definition: paused };
    expect(written(decideSubmit(view, sampleSubmission(), contextOf()))).toMatchObject({ waitingFor: "job-paused" });
    expect(settle({ ...viewOf(sampleRun()), definition: paused }, contextOf())[0]).toMatchObject({
      waitingFor: "job-paused",
      attempts: [],
    });
    expect(settle({ ...viewOf(sampleRun()), definition }, contextOf())[0]?.attempts).toHaveLength(1);
  });

  test("of everything does so for every job", () => {
    const context = contextOf([sampleAgent()], { isPaused: true });
    expect(settle(viewOf(sampleRun()), context)[0]).toMatchObject({ waitingFor: "all-paused", attempts: [] });
  });
});

test("a run that waited for too long is skipped, but not while it is held", () => {
  const late = contextOf([], { now: after(1_000) });
  const [run] = settle(viewOf(next("run00001", { waitAtMostMs: 1_000 })), late);
  expect(run).toMatchObject({ state: "skipped", reason: "expired-in-queue", times: { endedAt: after(1_000) } });
  const [told] = settle(viewOf(next("run00001", { waitAtMostMs: 1_000, waitingFor: "slot" })), late);
  expect(told).toMatchObject({ state: "skipped", waitedFor: "slot" });
  const early = contextOf([], { now: after(999) });
  expect(settle(viewOf(next("run00001", { waitAtMostMs: 1_000 })), early)[0]).toMatchObject({ state: "pending" });
  const held = next("run00001", { waitAtMostMs: 1_000, hold: { at: NOW, by: "bob" } });
  expect(settle(viewOf(held), late)[0]).toMatchObject({ state: "pending" });
});

describe("an attempt that a host runs and no record accounts for", () => {
  const context = (run: string, attempt: number): DecisionContext => {
    const { agents, ...rest } = contextOf();
    return { ...rest, agents: { ...agents, liveOf: () => [{ agent: "agent-a", run, attempt }] } };
  };

  test("keeps its job busy", () => {
    const busy = decideSubmit(viewOf(), sampleSubmission(), context("run00009", 1));
    expect(busy).toMatchObject({
      kind: "reject",
      error: { code: "job-busy", details: { run: "run00009", agent: "agent-a" } },
    });
    const queued = decideSubmit(viewOf(), sampleSubmission({ policy: { overlap: "queue" } }), context("run00009", 1));
    expect(written(queued)).toMatchObject({ waitingFor: "left-over", attempts: [] });
    expect(settle(viewOf(sampleRun()), context("run00009", 1))[0]).toMatchObject({ waitingFor: "left-over" });
  });

  test("is another one than the current attempt of a live run", () => {
    const line = [runningRun({ overlap: "queue" }), next("run00002")];
    expect(settle(viewOf(...line), context("run00001", 1))[1]).toMatchObject({ waitingFor: "previous-run" });
    const again = sampleRun({ overlap: "queue" });
    expect(settle(viewOf(again), context("run00001", 1))[0]).toMatchObject({ waitingFor: "left-over" });
  });
});
