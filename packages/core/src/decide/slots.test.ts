import { describe, expect, test } from "vitest";
import type { JobDefinition } from "../domain/job.ts";
import type { Run } from "../domain/run.ts";
import type { StoredSchedule } from "../domain/schedule.ts";
import { contextOf, runningRun, sampleAgent, sampleRun, sampleSubmission } from "../testing/sample-runs.ts";
import { beforeChange, decideDefine } from "./define.ts";
import { nextDueMs } from "./due.ts";
import { ownerOf } from "./owner.ts";
import { reconcile } from "./reconcile.ts";
import { isSlotOpen } from "./slots.ts";
import type { Decision, DecisionContext, JobView } from "./view.ts";

const { target, payload } = sampleSubmission();
const NOON = "2026-03-01T12:00:00.000Z";
const at = (minutes: number, ms = 0): string => new Date(Date.parse(NOON) + minutes * 60_000 + ms).toISOString();

/** A job with a slot each minute, defined at noon. */
function definitionWith(schedule: Partial<StoredSchedule> = {}, change: Partial<JobDefinition> = {}): JobDefinition {
  return {
    v: 1,
    job: "nightly",
    writeId: "d0",
    policy: {},
    task: { target, payload, digest: "task" },
    schedules: [{ id: "main", cron: "* * * * *", ...schedule }],
    cursors: { main: NOON },
    updatedAt: NOON,
    updatedBy: "bob",
    ...change,
  };
}

/** A job as its store holds it: what is decided is written to it. */
class Job {
  definition: JobDefinition;
  runs: Run[];
  readonly writes: string[] = [];

  constructor(definition: JobDefinition, runs: readonly Run[] = []) {
    this.definition = definition;
    this.runs = [...runs];
  }

  get view(): JobView {
    return { job: "nightly", definition: this.definition, runs: this.runs };
  }

  /** One step; false when there is nothing to do. */
  step(now: string, change: Partial<DecisionContext> = {}): boolean {
    const decision = reconcile(this.view, contextOf(undefined, { now, ...change }));
    if (decision.kind === "nothing") return false;
    this.#apply(decision);
    return true;
  }

  #apply(decision: Decision): void {
    if (decision.kind === "define") {
      this.definition = decision.definition;
      this.writes.push("definition");
    } else if (decision.kind === "write") {
      const { run } = decision;
      this.writes.push(`${run.state} ${run.slot?.at.slice(11, 16)}`);
      this.runs = [...this.runs.filter((one) => one.run !== run.run), run];
    } else throw new Error(decision.kind);
  }

  reconcile(now: string, change: Partial<DecisionContext> = {}): this {
    for (let steps = 0; this.step(now, change); steps++) if (steps > 5_000) throw new Error("no end of steps");
    return this;
  }

  /** The schedule is saved with what it is to be, as somebody does whose server has that clock. */
  define(now: string, schedule: Partial<StoredSchedule>): this {
    const change = { by: "eve", schedules: [{ id: "main", cron: "* * * * *", ...schedule }] };
    for (let steps = 0; steps < 5_000; steps++) {
      const context = contextOf(undefined, { now });
      const first = beforeChange(this.view, change, context);
      this.#apply(first ?? decideDefine(this.view, change, context));
      if (first === undefined) return this;
    }
    throw new Error("no end of steps");
  }

  /** The run of the slot ends by itself. */
  end(minute: number, now = at(minute, 5_000)): this {
    this.runs = this.runs.map((run) =>
      run.slot?.at === at(minute)
        ? { ...run, state: "completed", reason: "exit", times: { ...run.times, endedAt: now } }
        : run,
    );
    return this;
  }

  /** Everything that may go to HISTORY goes. */
  settle(): this {
    this.runs = this.runs.filter((run) => run.times.endedAt === undefined || isSlotOpen(this.view, run));
    return this;
  }

  slots(): (readonly unknown[])[] {
    return this.runs.map(({ state, reason, slot }) => [state, reason, slot?.at, slot?.until, slot?.count]);
  }
}

test("a slot gets its run at its instant, once, whatever crashes between the writes", () => {
  const job = new Job(definitionWith());
  expect(job.step(at(1, -1))).toBe(false);
  expect(nextDueMs(job.view, Date.parse(at(1, -1)))).toBe(Date.parse(at(1)));
  job.reconcile(at(1));
  expect(job.runs).toMatchObject([
    {
      state: "pending",
      submittedBy: "bob",
      slot: { schedule: "main", at: at(1) },
      times: { dueAt: at(1) },
      attempts: [{ number: 1 }],
    },
  ]);
  expect(nextDueMs(job.view, Date.parse(at(1)))).toBe(Date.parse(at(2, -100)));
  // It has ended, and its slot is not behind the cursor: it must stay, else the slot would have no run.
  job.end(1);
  expect(isSlotOpen(job.view, job.runs[0]!)).toBe(true);
  job.reconcile(at(1, 10_000));
  expect(job.definition.cursors).toEqual({ main: at(1) });
  expect(isSlotOpen(job.view, job.runs[0]!)).toBe(false);
  job.settle().reconcile(at(1, 20_000));
  expect(job.writes).toEqual(["pending 12:01", "definition"]);
});

test("a slot that had its run has no other, though a clock is behind and its schedule is saved anew", () => {
  const job = new Job(definitionWith());
  job.reconcile(at(1)).end(1, at(1, 500)).reconcile(at(1, 600)).settle();
  expect(job.runs).toEqual([]);
  job.define(at(1, -1_200), { end: "2027-01-01T00:00:00Z" });
  expect(job.definition.cursors).toEqual({ main: at(1) });
  expect(job.reconcile(at(1)).slots()).toEqual([]);
});

test("also when the clock was set back by far, or all was deleted and said again", () => {
  const agents = contextOf([sampleAgent({ holdsStarts: true })]).agents;
  const ran = [1, 2, 4].map((minute) => `main${Date.parse(at(minute))}`);
  const stateOf: DecisionContext["stateOf"] = ({ run }) => (ran.includes(run) ? "completed" : undefined);
  const early = new Job(definitionWith());
  expect(early.step(at(1, -100), { agents, stateOf })).toBe(false);
  const job = new Job(definitionWith({}, { policy: { overlap: "queue" } }));
  job.reconcile(at(4, 9_000), { stateOf });
  expect(job.slots()).toEqual([["skipped", "missed", at(3), at(3), 1]]);
  expect(job.writes).toEqual(["definition", "skipped 12:03", "definition"]);
  expect(job.definition.cursors).toEqual({ main: at(4) });
});

test("a row of skipped slots leaves out those in it that had their runs", () => {
  const ran = [2, 3, 5].map((minute) => `main${Date.parse(at(minute))}`);
  const stateOf: DecisionContext["stateOf"] = ({ run }) => (ran.includes(run) ? "completed" : undefined);
  const job = new Job(definitionWith({ catchUp: { mode: "none" } })).reconcile(at(7, 61_000), { stateOf });
  expect(job.slots()).toEqual([
    ["skipped", "missed", at(1), at(1), 1],
    ["skipped", "missed", at(4), at(4), 1],
    ["skipped", "missed", at(6), at(7), 2],
    ["pending", undefined, at(8), undefined, undefined],
  ]);
});

test("slots that a change of their schedule would pass over have their turn before it", () => {
  const hourly = { cron: "0 * * * *", jitterMs: 3_600_000 };
  const saved = (now: string, schedule: Partial<StoredSchedule>): unknown =>
    new Job(definitionWith(hourly, { cursors: { main: at(50) } })).define(now, schedule).slots();
  const started = [["pending", undefined, at(60), undefined, undefined]];
  // Its time was put off to 13:50.
  expect(saved(at(60, 2_000), { ...hourly, end: "2027-01-01T00:00:00Z" })).toEqual(started);
  expect(saved(at(62), { ...hourly, jitterMs: 0, catchUp: { mode: "none" } })).toEqual(started);
  expect(saved(at(62), { ...hourly, catchUp: { mode: "none" } })).toEqual([]);
  // Between the look at what is due and the change it may come due.
  const due = new Job(definitionWith());
  expect(due.define(at(1), { cron: "*/5 * * * *" }).slots()).toEqual([
    ["pending", undefined, at(1), undefined, undefined],
  ]);
  const paused = beforeChange(
    new Job(definitionWith()).view,
    { by: "eve", pause: {} },
    contextOf(undefined, { now: at(1) }),
  );
  expect(paused).toMatchObject({ kind: "write", run: { state: "pending", slot: { at: at(1) } } });
  expect(beforeChange(due.view, { by: "eve", schedules: due.definition.schedules }, contextOf())).toBeUndefined();
});

test("what would be refused, or is so already, has nothing done before it", () => {
  const { view } = new Job(definitionWith());
  const context = contextOf(undefined, { now: at(9) });
  const [schedules, task] = [view.definition?.schedules, null];
  expect(beforeChange(view, { by: "eve", schedules }, context)).toBeUndefined();
  expect(beforeChange(view, { by: "eve", task }, context)).toBeUndefined();
});

test("of two schedules the one whose slot came first has its turn first", () => {
  const schedules = [
    { id: "late", cron: "5 * * * *" },
    { id: "main", cron: "1 * * * *" },
  ];
  const job = new Job(
    definitionWith({}, { schedules, cursors: { late: NOON, main: NOON }, policy: { overlap: "queue" } }),
  );
  expect(
    job
      .reconcile(at(5, 10))
      .slots()
      .map(([, , slot]) => slot),
  ).toEqual([at(1), at(5)]);
});

test("a run that came due after a slot has its turn after it, also when both are late", () => {
  const run = sampleRun({
    run: "ahead001",
    state: "submitted",
    times: { submittedAt: NOON, dueAt: at(1, 30_000) },
  });
  const job = new Job(definitionWith({ catchUp: { mode: "none" } }), [run]);
  job.reconcile(at(1, 40_000));
  expect(job.runs.find(({ slot }) => slot?.at === at(1))).toMatchObject({ state: "pending", attempts: [{}] });
  expect(job.runs.find(({ run: id }) => id === "ahead001")).toMatchObject({ state: "skipped", reason: "overlap" });
});

describe("a slot is not handed over early while something else comes due before it that is not", () => {
  const holding = sampleAgent({ holdsStarts: true });
  const agents = contextOf([holding, sampleAgent({ id: "agent-b", name: "beta" })]).agents;

  test.each([
    [-60, true],
    [-20, false],
  ])("another slot %i ms before it", (ms, isHandedOver) => {
    const other = { id: "other", every: { ms: 60_000 + ms }, start: NOON, paused: ms === -20 };
    const schedules = [{ id: "main", cron: "* * * * *" }, other];
    const job = new Job(definitionWith({}, { schedules, cursors: { main: NOON, other: NOON } }));
    expect(job.step(at(1, -90), { agents })).toBe(isHandedOver);
  });

  test("a run", () => {
    const there = { kind: "agent", agent: "agent-b", name: "beta" } as const;
    const times = { submittedAt: NOON, dueAt: at(1, -20) };
    const run = sampleRun({ run: "ahead001", state: "submitted", target: there, times });
    expect(new Job(definitionWith(), [run]).step(at(1, -60), { agents })).toBe(false);
    expect(new Job(definitionWith()).step(at(1, -60), { agents })).toBe(true);
  });
});

describe("a slot whose run can start at its instant", () => {
  const agents = contextOf([sampleAgent({ holdsStarts: true })]).agents;

  test("is handed over a moment before, as it would be at the instant", () => {
    const [early, onTime] = [new Job(definitionWith()), new Job(definitionWith())];
    expect(early.step(at(1, -101), { agents })).toBe(false);
    early.step(at(1, -100), { agents });
    onTime.step(at(1), { agents });
    expect(early.runs).toEqual(onTime.runs);
    expect(early.runs).toMatchObject([{ state: "pending", times: { submittedAt: at(1) }, attempts: [{}] }]);
    early.reconcile(at(1), { agents });
    expect(early.runs).toHaveLength(1);
  });

  test("once it is over, an edit before its instant does not make it come again", () => {
    const job = new Job(definitionWith());
    job.step(at(1, -100), { agents });
    job.end(1, at(1, -50)).reconcile(at(1, -50), { agents }).settle();
    expect(job.definition.cursors).toEqual({ main: at(1) });
    const change = { by: "bob", schedules: [{ id: "main", cron: "*/1 * * * *" }] };
    const decision = decideDefine(job.view, change, contextOf(undefined, { now: at(1, -40) }));
    if (decision.kind !== "define") throw new Error(decision.kind);
    job.definition = decision.definition;
    job.reconcile(at(1), { agents });
    expect(job.slots()).toEqual([]);
    job.reconcile(at(2), { agents });
    expect(job.slots()).toEqual([["pending", undefined, at(2), undefined, undefined]]);
  });

  test("is left until then when it would be skipped, or its host would start it at once", () => {
    const busy = new Job(definitionWith(), [runningRun({ run: "live0001" })]);
    expect(busy.step(at(1, -100), { agents })).toBe(false);
    expect(new Job({ ...definitionWith(), paused: { at: at(0), by: "bob" } }).step(at(1, -100), { agents })).toBe(
      false,
    );
    expect(new Job(definitionWith()).step(at(1, -100))).toBe(false);
  });
});

test("slots that are skipped one after another for one reason are one record, closed by the next that runs", () => {
  const live = runningRun({ run: "live0001" });
  const job = new Job(definitionWith(), [live]);
  for (const minute of [1, 2, 3]) job.reconcile(at(minute)).settle();
  expect(job.slots().slice(1)).toEqual([["skipped", "overlap", at(1), at(3), 3]]);
  expect(job.runs[1]).toMatchObject({ skippedFor: "live0001" });
  expect(ownerOf(job.runs[1]!, {})?.deadlineAt).toBeUndefined();
  job.runs = job.runs.filter((run) => run !== live);
  job.reconcile(at(4));
  expect(job.slots()).toEqual([
    ["skipped", "overlap", at(1), at(3), 3],
    ["pending", undefined, at(4), undefined, undefined],
  ]);
  job.reconcile(at(4, 1)).settle();
  expect(job.slots()).toEqual([["pending", undefined, at(4), undefined, undefined]]);
  expect(job.definition.cursors).toEqual({ main: at(4) });
});

test("slots of a job that is not to wait, and whose agent is not there, are skipped and say so", () => {
  const job = new Job(definitionWith({}, { policy: { whenUnavailable: "reject" } }));
  const { agents } = contextOf([]);
  for (const minute of [1, 2]) job.reconcile(at(minute), { agents }).settle();
  expect(job.slots()).toEqual([["skipped", "no-agent", at(1), at(2), 2]]);
  job.reconcile(at(3));
  expect(job.slots().at(-1)).toEqual(["pending", undefined, at(3), undefined, undefined]);
});

test("the record of the last slot that there is closes by itself", () => {
  const job = new Job(definitionWith({ cron: undefined, at: at(1), paused: true }));
  job.reconcile(at(2));
  expect(job.slots()).toEqual([["skipped", "paused", at(1), at(1), 1]]);
  expect(job.settle().runs).toEqual([]);
  const open = new Job(definitionWith({ paused: true })).reconcile(at(1));
  expect(open.settle().runs).toHaveLength(1);
});

test("another reason begins another record", () => {
  const job = new Job(definitionWith());
  job.reconcile(at(2), { isPaused: true });
  job.definition = { ...job.definition, schedules: [{ ...job.definition.schedules![0]!, paused: true }] };
  job.reconcile(at(3));
  job.definition = {
    ...job.definition,
    schedules: [{ id: "main", cron: "* * * * *", blackouts: [{ from: at(4), to: at(6) }] }],
  };
  job.reconcile(at(5)).settle();
  expect(job.slots()).toEqual([["skipped", "blackout", at(4), at(5), 2]]);
  job.reconcile(at(6));
  expect(job.writes).toEqual([
    "skipped 12:01",
    "skipped 12:01",
    "skipped 12:04",
    "definition",
    "pending 12:06",
    "definition",
  ]);
});

const ran = (minute: number): unknown[] => ["pending", undefined, at(minute), undefined, undefined];
const black = (from: number, to: number, count: number): unknown[] => ["skipped", "blackout", at(from), at(to), count];
const missed = (to: number, count: number): unknown[] => ["skipped", "missed", at(10), at(to), count];

test.each([
  [{ mode: "none" }, [missed(60, 6)]],
  [{ mode: "last" }, [missed(50, 5), ran(60)]],
  [undefined, [missed(50, 5), ran(60)]],
  [{ mode: "all", max: 2 }, [missed(40, 4), ran(50), ran(60)]],
  [{ mode: "all", withinMs: 10 * 60_000 }, [missed(50, 5), ran(60)]],
  [{ mode: "last", withinMs: 60_000 }, [missed(60, 6)]],
] as const)("after an outage of an hour, with catch-up %o, every slot has its trace", (catchUp, expected) => {
  const schedule = { cron: "*/10 * * * *", ...(catchUp === undefined ? {} : { catchUp }) };
  const job = new Job(definitionWith(schedule, { policy: { overlap: "queue" } }));
  expect(job.reconcile(at(65)).slots()).toEqual(expected);
});

test.each([
  ["the latest that is not in a blackout", { mode: "last" }, [missed(20, 2), ran(30), black(40, 60, 3)]],
  ["only those that are not count", { mode: "all", max: 2 }, [missed(10, 1), ran(20), ran(30), black(40, 60, 3)]],
] as const)("of slots that are in a blackout no run is made up: %s", (_, catchUp, expected) => {
  const schedule = { cron: "*/10 * * * *", catchUp, blackouts: [{ from: at(40), to: at(65) }] };
  const job = new Job(definitionWith(schedule, { policy: { overlap: "queue" } }));
  expect(job.reconcile(at(65)).slots()).toEqual(expected);
});

test("as many are made up as are asked for, also of more slots than one look takes", () => {
  const schedule = { cron: "* * * * * *", catchUp: { mode: "all", max: 20 } } as const;
  const job = new Job(definitionWith(schedule, { policy: { overlap: "queue", queueLimit: 100 } })).reconcile(at(84)); // 5,040 s
  const made = job.runs.filter(({ state }) => state !== "skipped").map(({ slot }) => slot?.at);
  expect([made.length, made[0], made.at(-1)]).toEqual([20, at(83, 41_000), at(84)]);
  const last = new Job(definitionWith({ cron: "* * * * * *" }, { policy: { overlap: "queue" } }));
  expect(last.reconcile(at(83, 20_000)).slots().at(-1)).toEqual([
    "pending",
    undefined,
    at(83, 20_000),
    undefined,
    undefined,
  ]); // 5,000
});

test("one slot is made up, also when a blackout of more slots than one look takes lies before it", () => {
  const schedule = { cron: "* * * * * *", blackouts: [{ from: at(1), to: at(120) }] };
  const job = new Job(definitionWith(schedule, { policy: { overlap: "queue" } })).reconcile(at(125, 500));
  const made = job.runs.filter(({ state, slot }) => state !== "skipped" && (slot?.at ?? "") < at(124));
  expect([made, job.runs[0]?.reason]).toEqual([[], "missed"]);
});

test.each([
  [{ mode: "all" }, [1, 2, 3, 7_200, 7_201, 7_202]],
  [{ mode: "all", max: 4 }, [3, 7_200, 7_201, 7_202]],
  [{ mode: "all", withinMs: 3_600_000 }, [7_200, 7_201, 7_202]],
] as const)("slots before a blackout of more slots than one look takes count as any, catch-up %o", (catchUp, made) => {
  const schedule = { cron: "* * * * * *", catchUp, blackouts: [{ from: at(0, 4_000), to: at(120) }] };
  const job = new Job(definitionWith(schedule, { policy: { overlap: "queue" } })).reconcile(at(120, 2_500));
  const waiting = job.runs.filter(({ state }) => state === "pending").map(({ slot }) => slot?.at);
  expect(waiting).toEqual(made.map((second) => at(0, second * 1_000)));
  const traces = job.runs.map(({ slot }) => slot?.count ?? 1);
  expect(traces.reduce((sum, count) => sum + count)).toBe(7_202);
});

test("in a blackout nothing is made up; what is late by less than a minute starts all the same", () => {
  const schedule = { cron: "*/10 * * * *", blackouts: [{ from: at(21), to: at(29) }] };
  const define = (): Job => new Job(definitionWith(schedule, { policy: { overlap: "queue" } }));
  expect(define().reconcile(at(25)).slots()).toEqual([missed(20, 2)]);
  expect(define().reconcile(at(21)).slots()).toEqual([missed(10, 1), ran(20)]);
  expect(define().reconcile(at(29)).slots()).toEqual([missed(10, 1), ran(20)]);
});

test.each([{ mode: "none" }, { mode: "last", withinMs: 1_000 }] as const)(
  "the latest slot is not missed while it is late by less than a minute, whatever catch-up says: %o",
  (catchUp) => {
    const define = (): Job => new Job(definitionWith({ cron: "0 * * * *", catchUp }));
    expect(define().reconcile(at(61)).slots()).toEqual([ran(60)]);
    expect(define().reconcile(at(61, 1)).slots()).toEqual([["skipped", "missed", at(60), at(60), 1]]);
  },
);

describe("slots in quick succession", () => {
  const second = (seconds: number): string => at(0, seconds * 1_000);
  const ranAt = (seconds: number): unknown[] => ["pending", undefined, second(seconds), undefined, undefined];
  const missedTo = (seconds: number): unknown[] => ["skipped", "missed", second(10), second(seconds), seconds / 10];
  const reconciled = (seconds: number, schedule: Partial<StoredSchedule>): unknown =>
    new Job(definitionWith({ cron: "*/10 * * * * *", ...schedule }, { policy: { overlap: "queue" } }))
      .reconcile(second(seconds))
      .slots();

  test.each([
    ["none", undefined, [missedTo(110), ranAt(120)]],
    ["last", undefined, [missedTo(110), ranAt(120)]],
    ["all", 3, [missedTo(90), ranAt(100), ranAt(110), ranAt(120)]],
  ] as const)("after an outage the latest ones have runs, catch-up %s", (mode, max, expected) => {
    const catchUp = { mode, ...(max === undefined ? {} : { max }) };
    expect(reconciled(123, { catchUp })).toEqual(expected);
    const blackouts = [{ from: second(121), to: second(180) }];
    expect(reconciled(123, { catchUp, blackouts })).toEqual([missedTo(110), ranAt(120)]);
  });

  test("all have one whose deciding server was only taken over from", () => {
    const each = { cron: "*/5 * * * * *" };
    expect(reconciled(14, each)).toEqual([ranAt(5), ranAt(10)]);
    expect(reconciled(16, each)).toEqual([["skipped", "missed", second(5), second(10), 2], ranAt(15)]);
  });
});

test("what is older than may be made up is not, but for the latest", () => {
  const catchUp = { mode: "all", max: 10, withinMs: 20_000 } as const;
  const job = new Job(definitionWith({ cron: "*/5 * * * * *", catchUp }, { policy: { overlap: "queue" } }));
  job.reconcile(at(0, 52_000));
  const [range, ...made] = job.slots();
  expect(range).toEqual(["skipped", "missed", at(0, 5_000), at(0, 30_000), 6]);
  expect(made.map(([, , slot]) => slot)).toEqual([35, 40, 45, 50].map((seconds) => at(0, seconds * 1_000)));
});

test("an outage with more slots than one look takes leaves none out", () => {
  const job = new Job(definitionWith({ cron: "* * * * * *", catchUp: { mode: "none" } }));
  job.reconcile(at(300));
  const [range] = job.runs;
  expect(range).toMatchObject({ state: "skipped", reason: "missed", slot: { at: at(0, 1_000) } });
  const counted = job.runs.reduce((sum, { slot }) => sum + (slot?.count ?? 1), 0);
  const until = Date.parse(job.runs.at(-1)?.slot?.until ?? job.runs.at(-1)?.slot?.at ?? "");
  expect(counted).toBe((until - Date.parse(NOON)) / 1_000);
});

test("a range that the cursor has passed grows no more: it may be in HISTORY already", () => {
  const job = new Job(definitionWith({ paused: true }));
  job.reconcile(at(2));
  const schedules = [{ id: "main", cron: "*/1 * * * *", paused: true }];
  const decision = decideDefine(job.view, { by: "eve", schedules }, contextOf(undefined, { now: at(2, 1) }));
  if (decision.kind === "define") job.definition = decision.definition;
  expect(job.reconcile(at(4)).slots()).toEqual([
    ["skipped", "paused", at(1), at(2), 2],
    ["skipped", "paused", at(3), at(4), 2],
  ]);
});

test("nor one whose schedule was taken away and set again, by a clock that is behind", () => {
  const job = new Job(definitionWith({ paused: true })).reconcile(at(2));
  const { schedules = [] } = job.definition;
  const save = (definition: JobDefinition | undefined, now: string): JobDefinition => {
    const change = { by: "eve", schedules: definition?.schedules === undefined ? schedules : [] };
    const decision = decideDefine({ ...job.view, definition }, change, contextOf(undefined, { now }));
    if (decision.kind !== "define") throw new Error(decision.kind);
    return decision.definition;
  };
  const { task } = job.definition;
  job.definition = save(job.definition, at(2, 1));
  expect(isSlotOpen(job.view, job.runs[0]!)).toBe(false);
  job.definition = save({ ...job.definition, task }, at(2, -500));
  expect(isSlotOpen(job.view, job.runs[0]!)).toBe(false);
  expect(job.reconcile(at(3)).slots()).toEqual([
    ["skipped", "paused", at(1), at(2), 2],
    ["skipped", "paused", at(3), at(3), 1],
  ]);
});

test("an edit a second before a slot: what names other instants begins anew, anything else goes on", () => {
  const view: JobView = { job: "nightly", runs: [], definition: definitionWith() };
  const edit = (schedule: Partial<StoredSchedule>): JobDefinition | undefined => {
    const schedules = [{ id: "main", cron: "* * * * *", ...schedule }];
    const decision = decideDefine(view, { by: "eve", schedules }, contextOf(undefined, { now: at(1, -1_000) }));
    return decision.kind === "define" ? decision.definition : undefined;
  };
  expect(edit({ jitterMs: 5_000 })?.cursors).toEqual({ main: NOON });
  expect(edit({ cron: "*/2 * * * *" })?.cursors).toEqual({ main: at(1, -1_000) });
  expect(edit({})).toBeUndefined();
  expect(new Job(edit({ cron: "*/2 * * * *" })!).reconcile(at(2)).slots()).toEqual([ran(2)]);
});

test("a schedule needs a task, and a task with schedules cannot be taken away", () => {
  const define = (change: object, definition?: JobDefinition): unknown =>
    decideDefine({ job: "nightly", runs: [], definition }, { by: "eve", ...change }, contextOf());
  const schedules = [{ id: "main", cron: "* * * * *" }];
  expect(define({ schedules })).toMatchObject({
    kind: "reject",
    error: { code: "invalid-request", field: "schedules" },
  });
  expect(define({ task: null }, definitionWith())).toMatchObject({ kind: "reject", error: { field: "task" } });
  expect(define({ task: null, schedules: [] }, definitionWith())).toMatchObject({ kind: "define" });
});

test("a run whose schedule is gone may settle", () => {
  const run = sampleRun({ state: "skipped", slot: { schedule: "old", at: at(5), until: at(9), count: 4 } });
  expect(isSlotOpen({ definition: definitionWith() }, run)).toBe(false);
});

test("slots in a row for which different runs were in the way name none of them", () => {
  const job = new Job(definitionWith(), [runningRun({ run: "live0001" })]);
  job.reconcile(at(1)).settle();
  expect(job.runs[1]).toMatchObject({ skippedFor: "live0001" });
  job.runs = [runningRun({ run: "live0002" }), ...job.runs.slice(1)];
  job.reconcile(at(2)).settle();
  expect(job.slots().slice(1)).toEqual([["skipped", "overlap", at(1), at(2), 2]]);
  expect(job.runs[1]?.skippedFor).toBeUndefined();
  job.reconcile(at(3)).settle();
  expect(job.runs[1]?.skippedFor).toBeUndefined();
});

test("two schedules of a job: the second slot of an instant meets the first one's run", () => {
  const job = new Job(
    definitionWith(
      {},
      {
        schedules: [
          { id: "main", cron: "* * * * *" },
          { id: "other", cron: "* * * * *" },
        ],
      },
    ),
  );
  job.reconcile(at(1));
  expect(job.slots()).toEqual([
    ["pending", undefined, at(1), undefined, undefined],
    ["skipped", "overlap", at(1), at(1), 1],
  ]);
});
