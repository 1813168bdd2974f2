import { describe, expect, test } from "vitest";
import { describeRun } from "../domain/ending.ts";
import { currentAttempt, hasEnded, isBusy, Run } from "../domain/run.ts";
import type { Target } from "../domain/target.ts";
import {
  after,
  contextOf,
  NOW,
  sampleAgent,
  sampleRun,
  sampleSubmission,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { decideCancel } from "./cancel.ts";
import { hostCountsOf, isMemberKept, memberAgent, membersOf } from "./members.ts";
import { reconcile } from "./reconcile.ts";
import { decideSubmit, type Submission } from "./submit.ts";
import type { AgentView, DecisionContext, JobView } from "./view.ts";

const AGENTS = ["a1", "a2", "a3", "a4"].map((id) => sampleAgent({ id, name: `host ${id}`, labels: { web: "" } }));

const ON_A1 = { kind: "agent", agent: "a1", name: "host a1" } as const;

/** A job, whose steps are taken one after another. */
class Job {
  view: JobView = viewOf();
  readonly context: DecisionContext;

  constructor(agents: readonly AgentView[] = AGENTS) {
    this.context = contextOf(agents);
  }

  submit(target: Partial<Extract<Target, { kind: "all" }>> = {}, change: Partial<Submission> = {}): Run {
    const submission = sampleSubmission({ target: { kind: "all", labels: "web", ...target }, ...change });
    return this.put(written(decideSubmit(this.view, submission, this.context)));
  }

  put(run: Run): Run {
    expect(Run.parse(run)).toEqual(run);
    this.view = viewOf(...this.view.runs.filter((one) => one.run !== run.run), run);
    return run;
  }

  /** Takes every step that there is to take. */
  settle(context = this.context): this {
    for (let steps = 0; ; steps++) {
      const decision = reconcile(this.view, context);
      if (decision.kind !== "write") return this;
      if (steps > 50) throw new Error("no end of steps");
      this.put(decision.run);
    }
  }

  get whole(): Run {
    return this.view.runs.find((run) => run.target.kind === "all")!;
  }

  get members(): readonly Run[] {
    return membersOf(this.view, this.whole);
  }

  /** The agents that have a part. */
  get assigned(): readonly (string | undefined)[] {
    return this.members.filter((run) => !hasEnded(run)).map((run) => currentAttempt(run)?.agent);
  }

  end(agent: string, state: "completed" | "failed"): this {
    const member = this.members.find((run) => run.target.kind === "agent" && run.target.agent === agent)!;
    this.put({ ...member, state, reason: "exit", times: { ...member.times, endedAt: after(9) } });
    return this.settle();
  }
}

test("a run for all that match has a part on each, and ends with them", () => {
  const job = new Job();
  expect(job.submit()).toMatchObject({ state: "running", fanOut: { agents: ["a1", "a2", "a3", "a4"] }, attempts: [] });
  job.settle();
  expect(job.assigned).toEqual(["a1", "a2", "a3", "a4"]);
  const [first] = job.members;
  expect(first).toMatchObject({ state: "pending", partOf: job.whole.run, target: { kind: "agent", name: "host a1" } });
  expect(first?.payload).toEqual(job.whole.payload);
  for (const agent of ["a1", "a2", "a3"]) job.end(agent, "completed");
  expect(hostCountsOf(job.view, job.whole)).toMatchObject({ completed: 3, waiting: 1, notStarted: 0 });
  expect(isMemberKept(job.view, job.members[0]!)).toBe(true);
  expect(hasEnded(job.end("a4", "completed").whole)).toBe(true);
  expect(job.whole).toMatchObject({
    state: "completed",
    reason: "exit",
    fanOut: { counts: { completed: 4 }, notCompleted: [] },
  });
  expect(isMemberKept(job.view, job.members[0]!)).toBe(false);
});

describe("atOnce", () => {
  test.each([
    [2, 2],
    ["50%", 2],
    ["10%", 1],
    [9, 4],
  ])("%s: it goes to so many at a time", (atOnce, count) => {
    const job = new Job();
    job.submit({ atOnce });
    expect(job.settle().assigned).toHaveLength(count);
    if (count === 4) return;
    job.end("a1", "completed");
    expect(job.assigned).toHaveLength(count);
    expect(hostCountsOf(job.view, job.whole)).toMatchObject({ completed: 1, notStarted: 4 - 1 - count });
  });

  test("a host that is not there keeps its place", () => {
    const { licence: _, ...silent } = AGENTS[0]!;
    const job = new Job([silent, ...AGENTS.slice(1)]);
    job.submit({ atOnce: 2 });
    expect(job.settle().assigned).toEqual([undefined, "a2"]);
    expect(job.members[0]).toMatchObject({ waitingFor: "agent" });
  });

  test("a host that is not there is passed over when the run is not to wait", () => {
    const job = new Job([AGENTS[0]!, { ...AGENTS[1]!, isDraining: true }, AGENTS[2]!]);
    job.submit({ atOnce: 2 }, { policy: { whenUnavailable: "reject" } });
    expect(job.settle().assigned).toEqual(["a1", "a3"]);
    job.end("a1", "completed").end("a3", "completed");
    expect(job.whole).toMatchObject({
      state: "failed",
      reason: "hosts-failed",
      fanOut: { counts: { skipped: 1 }, notCompleted: [1] },
    });
  });
});

describe("maxFailed", () => {
  test.each([
    [0, 1],
    ["25%", 2],
    [3, 4],
  ])("%s: it goes to no other host after %i failures", (maxFailed, failures) => {
    const job = new Job();
    job.submit({ atOnce: 1, maxFailed });
    job.settle();
    for (const agent of ["a1", "a2", "a3", "a4"].slice(0, failures)) job.end(agent, "failed");
    expect(job.whole).toMatchObject({
      state: "failed",
      reason: "hosts-failed",
      fanOut: { counts: { failed: failures, notStarted: 4 - failures }, notCompleted: [0, 1, 2, 3] },
    });
  });

  test("those that were waited for are skipped, those that may have begun it are not", () => {
    const { licence: _, ...silent } = AGENTS[2]!;
    const more = sampleAgent({ id: "a5", name: "host a5", labels: { web: "" } });
    const job = new Job([AGENTS[0]!, AGENTS[1]!, silent, { ...AGENTS[3]!, isDraining: true }, more]);
    job.submit({ maxFailed: 0 });
    expect(job.settle().assigned).toEqual(["a1", "a2", undefined, undefined, "a5"]);
    const partOn = (agent: string): Run => job.members.find((run) => memberAgent(run) === agent)!;
    const { attempts } = partOn("a5");
    const refusal = { code: "never-started", message: "It was restarted." } as const;
    job.put({ ...partOn("a3"), attempts: [{ ...attempts[0]!, agent: "a3", refusal }] });
    job.put({
      ...partOn("a5"),
      waitingFor: "retry",
      attempts: [{ ...attempts[0]!, exitedAt: after(1), retryAt: after(99) }],
    });
    job.end("a1", "failed").settle(contextOf([...AGENTS, more]));
    expect(["a1", "a2", "a3", "a4", "a5"].map((agent) => [partOn(agent).state, partOn(agent).reason])).toEqual([
      ["failed", "exit"],
      ["pending", undefined],
      ["skipped", "hosts-failed"],
      ["skipped", "hosts-failed"],
      ["pending", undefined],
    ]);
    expect(describeRun(partOn("a4"))).toBe("Skipped: it had failed on too many other hosts before host a4 began it.");
    job.end("a2", "completed").end("a5", "completed");
    expect(job.whole).toMatchObject({ state: "failed", fanOut: { counts: { completed: 2, failed: 1, skipped: 2 } } });
  });

  test("those that run are left to end", () => {
    const job = new Job();
    job.submit({ atOnce: 2, maxFailed: 0 });
    job.settle().end("a1", "failed");
    expect(hasEnded(job.whole)).toBe(false);
    expect(job.assigned).toEqual(["a2"]);
    job.end("a2", "completed");
    expect(job.whole).toMatchObject({
      state: "failed",
      fanOut: { counts: { completed: 1, failed: 1, notStarted: 2 } },
    });
  });
});

test("only the hosts that are named have a part", () => {
  const job = new Job();
  job.submit({ only: ["a4", "a2", "gone"] });
  expect(job.settle().assigned).toEqual(["a2", "a4"]);
  job.end("a2", "completed").end("a4", "completed");
  expect(job.whole).toMatchObject({ state: "completed", fanOut: { agents: ["a2", "a4"], isNarrowed: true } });
});

test("a cancel of the whole ends what waits, and asks it of what runs; then the whole has ended", () => {
  const { licence: _, ...silent } = AGENTS[1]!;
  const job = new Job([AGENTS[0]!, silent, AGENTS[2]!]);
  const { run } = job.submit({ atOnce: 2 });
  job.settle();
  job.put(written(decideCancel(job.view, { run, by: "bob" }, job.context)));
  expect(job.whole).toMatchObject({ state: "running", cancel: { by: "bob" } });
  job.settle();
  expect(job.members.map(({ state, cancel }) => [state, cancel?.by])).toEqual([
    ["pending", "bob"],
    ["cancelled", "bob"],
  ]);
  const [first] = job.members;
  job.put({ ...first!, state: "cancelled", reason: "cancelled-by", times: { ...first!.times, endedAt: after(9) } });
  expect(job.settle().whole).toMatchObject({
    state: "cancelled",
    reason: "cancelled-by",
    fanOut: { counts: { cancelled: 2, notStarted: 1 } },
  });
});

test("the whole keeps its job busy, whatever its parts do; a part is in the way of no other, and behind nobody", () => {
  const job = new Job();
  job.submit({ atOnce: 1 }, { policy: { overlap: "queue" } });
  job.settle().end("a1", "completed");
  expect(isBusy(job.whole)).toBe(true);
  const waiting = sampleSubmission({ run: "next00001", target: ON_A1, policy: { overlap: "queue", priority: 9 } });
  expect(job.put(written(decideSubmit(job.view, waiting, job.context)))).toMatchObject({ waitingFor: "previous-run" });
  expect(job.settle().assigned).toEqual(["a2"]);
  const rejected = sampleSubmission({ run: "next00002", policy: { overlap: "reject" } });
  expect(decideSubmit(job.view, rejected, job.context)).toMatchObject({
    error: { code: "job-busy", details: { run: job.whole.run } },
  });
  for (const agent of ["a2", "a3", "a4"]) job.end(agent, "completed");
  const next = job.view.runs.find(({ run }) => run === "next00001");
  expect(next?.attempts).toHaveLength(1);
});

test("a part that waits counts for no queue, and is superseded by nobody", () => {
  const job = new Job(AGENTS.map((agent) => ({ ...agent, assigned: agent.slots })));
  job.submit({}, { policy: { overlap: "queue-latest", queueLimit: 2 } });
  job.settle();
  expect(job.members.map(({ waitingFor }) => waitingFor)).toEqual(["slot", "slot", "slot", "slot"]);
  const next = sampleSubmission({ run: "next00001", policy: { overlap: "queue-latest", queueLimit: 2 } });
  expect(job.put(written(decideSubmit(job.view, next, job.context)))).toMatchObject({ state: "pending" });
  job.settle();
  expect(job.members.map(({ state }) => state)).toEqual(["pending", "pending", "pending", "pending"]);
});

test.each([
  ["all is paused", { isPaused: true }, {}],
  ["the store was restored", { isRestoring: true }, {}],
  ["the job is paused", {}, { paused: { at: NOW, by: "bob" } }],
])("while %s no further host gets a part", (_, change, said) => {
  const job = new Job();
  job.submit({ atOnce: 1 });
  job.settle();
  const definition = {
    v: 1,
    job: "nightly",
    writeId: "d1",
    policy: {},
    updatedAt: NOW,
    updatedBy: "bob",
    ...said,
  } as const;
  const [first] = job.members;
  job.put({ ...first!, state: "completed", reason: "exit", times: { ...first!.times, endedAt: after(9) } });
  expect(reconcile({ ...job.view, definition }, contextOf(AGENTS, change))).toEqual({ kind: "nothing" });
  expect(job.settle().members).toHaveLength(2);
});

test("without any host that matches it waits; what comes then has a part", () => {
  const job = new Job([]);
  expect(job.submit()).toMatchObject({ state: "pending", waitingFor: "agent" });
  job.settle(contextOf(AGENTS));
  expect(job.whole.fanOut?.agents).toHaveLength(4);
});

test("a run for one host is no whole, and is kept by none", () => {
  expect(isMemberKept(viewOf(sampleRun()), sampleRun())).toBe(false);
  expect(hostCountsOf(viewOf(sampleRun()), sampleRun())).toBeUndefined();
});

test("one that more agents match than it can be on, when its time comes, fails and says so", () => {
  const many = Array.from({ length: 1_000 }, (_, index) =>
    sampleAgent({ id: `agent-${index}-of-so-many`, labels: { web: "" } }),
  );
  const job = new Job(many);
  const run = job.submit();
  expect(run).toMatchObject({ state: "failed", reason: "invalid", attempts: [] });
  expect(run.times.runningAt).toBeUndefined();
  expect(job.settle().members).toEqual([]);
});
