import { RunState, type Reason, type Run } from "@jobs/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { finishedRun } from "../testing/sample-run.ts";
import { HistoryIndex } from "./history-index.ts";
import { compareRuns, cursorOf, placeOf } from "./newest-runs.ts";
import { runTest, submittedRun, type RunSelection } from "./run-matches.ts";

const AT_MS = Date.parse("2026-03-01T12:00:00.000Z");
const REASONS: readonly (Reason | undefined)[] = [undefined, "exit", "timeout", "lost"];

interface Sample {
  readonly job: number;
  readonly agent: number;
  readonly by: number;
  readonly state: RunState;
  readonly reason: Reason | undefined;
  readonly afterMs: number;
  /** Undefined: it may go to any host, and went to these. */
  readonly hosts?: readonly number[] | undefined;
  readonly isPart?: boolean;
}

const sample: fc.Arbitrary<Sample> = fc.record({
  job: fc.nat(3),
  agent: fc.nat(2),
  by: fc.nat(2),
  state: fc.constantFrom(...RunState.options),
  reason: fc.constantFrom(...REASONS),
  afterMs: fc.nat(20),
  hosts: fc.option(fc.array(fc.nat(2), { maxLength: 3 }), { nil: undefined }),
  isPart: fc.boolean(),
});

const filter: fc.Arbitrary<RunSelection> = fc.record(
  {
    job: fc.constantFrom("Job 0", "Job 1", "none"),
    name: fc.constantFrom("job", "OB 2", "x"),
    state: fc.uniqueArray(fc.constantFrom(...RunState.options), { minLength: 1, maxLength: 3 }),
    reason: fc.uniqueArray(fc.constantFrom<Reason>("exit", "timeout", "missed"), { minLength: 1 }),
    agents: fc.constantFrom(["host-1"], ["agent-0"], ["none"], ["agent-0", "host-2"], []),
    submittedBy: fc.constantFrom("user-0", "none"),
    since: fc.nat(20).map(instant),
    until: fc.nat(20).map(instant),
  },
  { requiredKeys: [] },
);

test("a list has exactly the runs that its filter lets through, page by page, whatever was added and removed", () => {
  fc.assert(
    fc.property(
      fc.array(sample, { maxLength: 40 }),
      filter,
      fc.record({ limit: fc.integer({ min: 1, max: 7 }), nth: fc.nat(5) }),
      (samples, wanted, { limit, nth }) => {
        const index = new HistoryIndex();
        const runs = samples.map(runOf);
        for (const [at, run] of runs.entries()) {
          index.add(run, at + 1);
          if (at % 7 === 0) index.list({}, { limit: 1 }); // in order so far
        }
        const kept = runs.filter(({ run }, at) => (at % 6 === nth ? (index.remove(run), false) : true));
        const isWanted = runTest(wanted);
        const expected = kept
          .filter((run) => isWanted(submittedRun(run)))
          .map(placeOfRun)
          .sort(compareRuns);
        const listed: string[] = [];
        for (let after: string | undefined; ;) {
          const page = index.list(wanted, { limit, after: after === undefined ? undefined : placeOf(after) });
          listed.push(...page.map(({ run }) => run));
          const last = page.at(-1);
          if (last === undefined) break;
          after = cursorOf(last);
        }
        expect(listed).toEqual(expected.map(({ run }) => run));
        let total = 0;
        index.count(wanted, (_, count) => (total += count));
        expect(total).toBe(expected.length);
      },
    ),
  );
});

test("a run that went to several hosts is found by each of them, one for all hosts by none, its parts by their id alone", () => {
  const index = new HistoryIndex();
  const some = { job: 0, agent: 0, by: 0, state: "failed", reason: "exit", afterMs: 0 } as const;
  const went = runOf({ ...some, hosts: [0, 0, 2] }, 1);
  const whole: Run = { ...runOf(some, 2), target: { kind: "all", labels: "web" }, fanOut: { agents: ["agent-0"] } };
  const part: Run = { ...runOf(some, 3), partOf: whole.run };
  for (const [at, run] of [went, part, whole].entries()) index.add(run, at + 1);
  const on = (agent: string): string[] => index.list({ agents: [agent] }, { limit: 9 }).map(({ run }) => run);
  expect(["host-0", "agent-0", "agent-2", "host-2"].map(on)).toEqual(Array(4).fill([went.run]));
  expect(on("host-1")).toEqual([]);
  expect(index.list({}, { limit: 9 }).map(({ run }) => run)).toEqual([whole.run, went.run]);
  expect(index.list({ name: "job" }, { limit: 9 })).toHaveLength(2);
  let total = 0;
  index.count({ job: "Job 0" }, (_, count) => (total += count));
  expect(total).toBe(2);
  expect(index.find(part.run)).toMatchObject({ job: "Job 0", state: "failed" });
});

test("of a run it is known what hosts may still hold of it", () => {
  const index = new HistoryIndex();
  const attempt = { number: 1, agent: "agent-0", licence: { session: "s", number: 1 }, assignedAt: instant(0) };
  const over = { ...attempt, lostAfterMs: null, graceMs: 0, exit: { exitCode: 0 } };
  const { exit: _, ...silent } = over;
  const runs = [[over], [silent], [over, { ...over, number: 2, agent: "agent-1" }], []].map((attempts, nth) => ({
    ...runOf({ job: 0, agent: 0, by: 0, state: "failed", reason: "exit", afterMs: 0 }, nth),
    attempts,
  }));
  for (const [at, run] of runs.entries()) index.add(run, at + 1);
  expect(runs.map(({ run }) => index.find(run)?.attempts)).toEqual([
    [{ agent: "agent-0", number: 1, isOver: true, lostAfterMs: null }],
    [{ agent: "agent-0", number: 1, isOver: false, lostAfterMs: null, endDecidedAt: undefined }],
    [
      { agent: "agent-0", number: 1, isOver: true, lostAfterMs: null, endDecidedAt: undefined },
      { agent: "agent-1", number: 2, isOver: true, lostAfterMs: null, endDecidedAt: undefined },
    ],
    [],
  ]);
  expect(index.find("none")).toBeUndefined();
});

test("rows of removed runs are used again", () => {
  const index = new HistoryIndex();
  for (let round = 0; round < 5; round++) {
    const runs = Array.from({ length: 2_000 }, (_, nth) =>
      runOf({ job: nth % 3, agent: 0, by: 0, state: "completed", reason: "exit", afterMs: nth }, round * 10_000 + nth),
    );
    for (const [at, run] of runs.entries()) index.add(run, round * 10_000 + at + 1);
    expect(index.list({}, { limit: 5_000 })).toHaveLength(2_000);
    for (const { run } of runs) index.remove(run);
    expect(index.list({}, { limit: 5_000 })).toEqual([]);
    expect(index.list({ job: "Job 1" }, { limit: 1 })).toEqual([]);
  }
});

test("how long runs of a job took is known while one of them is in HISTORY; each counts once, also when that is read anew", () => {
  const index = new HistoryIndex();
  // Of job 0 one took 1 s and two took 9 s; of job 1 one took 5 s.
  const runs = [1_000, 9_000, 9_000, 5_000].map((tookMs, nth) => {
    const sample = { job: nth === 3 ? 1 : 0, agent: 0, by: 0, state: "completed", reason: "exit", afterMs: 0 } as const;
    const run = runOf(sample, nth);
    return { ...run, times: { ...run.times, runningAt: instant(0), endedAt: instant(tookMs) } };
  });
  const addAll = (): void => runs.forEach((run, at) => index.add(run, at + 1));
  const known = (): unknown[] => ["Job 0", "Job 1"].map((job) => index.durations.of(job));
  addAll();
  for (let again = 0; again < 4; again++) index.add(runs[0]!, 1);
  expect(known()).toEqual([9_000, 5_000]);
  index.reset();
  expect(known()).toEqual([undefined, undefined]);
  addAll();
  index.remove(runs[0]!.run);
  index.remove(runs[1]!.run);
  expect(known()).toEqual([9_000, 5_000]);
  index.remove(runs[2]!.run);
  expect(known()).toEqual([undefined, 5_000]);
  index.erase("Job 1", 5);
  expect(known()).toEqual([undefined, undefined]);
});

test("parts that were removed do not count among the newest of their job", () => {
  const index = new HistoryIndex();
  const some = { job: 0, agent: 0, by: 0, state: "completed", reason: "exit", afterMs: 0 } as const;
  const whole = runOf(some, 1);
  const [part, ...runs] = [2, 3, 4].map((nth) => runOf(some, nth)) as [Run, Run, Run];
  for (const [at, run] of [whole, { ...part, partOf: whole.run }, ...runs].entries()) index.add(run, at + 1);
  index.remove(part.run);
  index.remove(whole.run);
  const rule = { keptFor: () => ({ days: null, runs: 1 }), isNeeded: () => false, nowMs: AT_MS + 50 * 86_400_000 };
  expect([...index.pastRetention(rule)].map(({ run }) => run)).toEqual([runs[0]?.run]);
});

test("a row of skipped slots is kept for as long from its last slot on", () => {
  const index = new HistoryIndex();
  const day = (days: number): string => new Date(AT_MS + days * 86_400_000).toISOString();
  const skipped = (run: string, until: string): Run =>
    finishedRun({
      run,
      state: "skipped",
      reason: "paused",
      slot: { schedule: "main", at: day(0), until, count: 2_400 },
      times: { submittedAt: day(0), endedAt: day(0) },
    });
  index.add(skipped("row00001", day(8)), 1);
  index.add(skipped("row00002", day(100)), 2);
  const rule = { keptFor: () => ({ days: 90, runs: null }), isNeeded: () => false, nowMs: Date.parse(day(101)) };
  expect([...index.pastRetention(rule)].map(({ run }) => run)).toEqual(["row00001"]);
});

test("the room of runs that were removed is each given to one run", () => {
  const index = new HistoryIndex();
  const some = { job: 0, agent: 0, by: 0, state: "completed", reason: "exit", afterMs: 0 } as const;
  const [old, later] = [0, 2_000].map((from) => Array.from({ length: 2_000 }, (_, at) => runOf(some, from + at)));
  for (const [at, run] of (old ?? []).entries()) index.add(run, at + 1);
  for (const { run } of old ?? []) index.remove(run);
  for (const [at, run] of (later ?? []).entries()) index.add(run, 2_001 + at);
  const expected = (later ?? []).map(({ run }) => run).toSorted();
  expect(
    index
      .list({}, { limit: 5_000 })
      .map(({ run }) => run)
      .toSorted(),
  ).toEqual(expected);
});

test("a record that comes later under the id of one that was removed is the run's, whether the removal was seen or not", () => {
  const index = new HistoryIndex();
  const sample = { job: 1, agent: 1, by: 1, afterMs: 0 } as const;
  const first = runOf({ ...sample, state: "failed", reason: "exit" }, 1);
  const again = { ...first, state: "completed" as const, times: { ...first.times, submittedAt: instant(5) } };
  index.add(first, 3);
  index.add(again, 2);
  expect(index.find(first.run)?.state).toBe("failed");
  index.add(again, 7);
  expect(index.find(first.run)?.state).toBe("completed");
  expect(index.list({}, { limit: 9 })).toMatchObject([{ submittedAtMs: AT_MS + 5 }]);
  expect([...index.endings()].filter(({ count }) => count > 0)).toMatchObject([{ state: "completed", count: 1 }]);
});

test("what is no place in a list is refused by name", () => {
  for (const cursor of ["", "x", "0-", "0-short", "zzzzzzzzzzzz-abcdefgh", "0-ABCDEFGH"])
    expect(() => placeOf(cursor)).toThrow(
      expect.objectContaining({ code: "invalid-request", field: "after" }) as Error,
    );
});

function instant(afterMs: number): string {
  return new Date(AT_MS + afterMs).toISOString();
}

function placeOfRun({ run, times }: Run): { run: string; submittedAtMs: number } {
  return { run, submittedAtMs: Date.parse(times.submittedAt) };
}

function runOf({ job, agent, by, state, reason, afterMs, hosts, isPart = false }: Sample, nth: number): Run {
  return {
    v: 1,
    job: `Job ${job}`,
    run: `run${String((nth * 7_919) % 100_003).padStart(6, "0")}`,
    writeId: "w",
    state,
    ...(reason === undefined ? {} : { reason }),
    overlap: "allow",
    target:
      hosts === undefined
        ? { kind: "agent", agent: `agent-${agent}`, name: `host-${agent}` }
        : { kind: "any", labels: "web" },
    ...(isPart ? { partOf: "whole0001" } : {}),
    payload: { form: "plain", sha256: "0".repeat(64), sizeBytes: 2, body: "{}" },
    requestDigest: "d",
    submittedBy: `user-${by}`,
    times: { submittedAt: instant(afterMs), endedAt: instant(afterMs) },
    attempts: (hosts ?? []).map((host, at) => ({
      number: at + 1,
      agent: `agent-${host}`,
      name: `host-${host}`,
      licence: { session: "s", number: 1 },
      assignedAt: instant(0),
      lostAfterMs: null,
      graceMs: 0,
    })),
  };
}
