import type { JobDefinition } from "@jobs/core";
import { entryOf, MARKER_TTL_SECONDS, subjectOfRun, type JobEntry } from "@jobs/core/jetstream";
import { countHiddenClasses } from "@jobs/core/testing";
import { expect, test } from "vitest";
import { AT, sampleAttempt, sampleRun } from "../testing/sample-run.ts";
import { JobsProjection } from "./jobs-projection.ts";

const run = sampleRun;
const attempt = sampleAttempt();
const stored = (sequence: number, record = run()): JobEntry => ({
  kind: "run",
  job: record.job,
  subject: subjectOfRun(record),
  sequence,
  run: record,
});
const marker = (sequence: number): JobEntry => ({
  kind: "marker",
  job: "nightly",
  subject: subjectOfRun(run()),
  sequence,
});

function projection(): { jobs: JobsProjection; clock: { ms: number } } {
  const clock = { ms: 0 };
  return { jobs: new JobsProjection({ monotonicMs: () => clock.ms }), clock };
}

test("the guard is the last sequence of all that is there of the job, markers and other keys included", () => {
  const { jobs } = projection();
  expect(jobs.view("nightly")).toMatchObject({ guard: 0, runs: [] });
  jobs.apply(stored(3));
  jobs.apply(stored(5, run({ run: "run00002" })));
  jobs.apply({ kind: "other", job: "nightly", subject: "def", sequence: 7 });
  expect(jobs.view("nightly").guard).toBe(7);
  jobs.apply(marker(9));
  expect(jobs.view("nightly")).toMatchObject({ guard: 9, runs: [{ run: "run00002" }] });
  expect(jobs.isRemoved(run())).toBe(true);
});

test("what is older than what is known changes nothing", () => {
  const { jobs } = projection();
  jobs.apply(stored(5, run({ state: "running" })));
  jobs.apply(stored(4));
  expect(jobs.find("run00001")).toMatchObject({ sequence: 5, run: { state: "running" } });
});

test("a read of the job replaces what it does not have, and late deliveries from before it do not bring it back", () => {
  const { jobs } = projection();
  jobs.apply(stored(5));
  jobs.applySnapshot("nightly", { asOf: 8, entries: [] });
  expect(jobs.view("nightly")).toMatchObject({ guard: 0, runs: [] });
  jobs.apply(stored(6));
  expect(jobs.find("run00001")).toBeUndefined();
  jobs.apply(stored(9));
  expect(jobs.find("run00001")).toMatchObject({ sequence: 9 });
});

test("what came after a read of the job stays", () => {
  const { jobs } = projection();
  jobs.apply(stored(12));
  jobs.applySnapshot("nightly", { asOf: 8, entries: [stored(7, run({ run: "run00002" }))] });
  expect(jobs.view("nightly")).toMatchObject({ guard: 12, runs: [{ run: "run00001" }, { run: "run00002" }] });
});

test("a marker is forgotten when its time is over, and with it the job, by a server that only sees what is stored, too; other keys stay", () => {
  const { jobs, clock } = projection();
  const kept = (sequence: number): JobEntry => ({ kind: "other", job: "kept", subject: "def", sequence });
  jobs.apply(kept(1));
  jobs.apply(marker(2));
  clock.ms = MARKER_TTL_SECONDS * 1000;
  jobs.apply(kept(3));
  expect([...jobs.names()]).toEqual(["kept", "nightly"]);
  clock.ms += MARKER_TTL_SECONDS * 1000;
  jobs.apply(kept(4));
  expect([...jobs.names()]).toEqual(["kept"]);
  expect(jobs.view("nightly").guard).toBe(0);
  expect(jobs.view("kept").guard).toBe(4);
});

test("a marker that a newer one, or a record, has taken the place of is forgotten in its own time", () => {
  const { jobs, clock } = projection();
  const ttlMs = MARKER_TTL_SECONDS * 1000;
  jobs.apply(marker(2));
  jobs.apply({ ...marker(3), subject: subjectOfRun(run({ run: "run00002" })) });
  clock.ms = ttlMs / 2;
  jobs.apply(marker(4));
  jobs.apply(stored(5, run({ run: "run00002" })));
  clock.ms = ttlMs + 1;
  expect(jobs.view("nightly")).toMatchObject({ guard: 5, runs: [{ run: "run00002" }] });
  expect(jobs.isRemoved(run())).toBe(true);
  clock.ms += ttlMs / 2;
  jobs.view("nightly");
  expect(jobs.isRemoved(run())).toBe(false);
  jobs.apply(marker(6));
  jobs.reset();
  jobs.apply(marker(7));
  clock.ms += ttlMs + 1;
  expect(jobs.view("nightly").guard).toBe(0);
});

test("a view of a job does not look at each marker of it", () => {
  const { jobs, clock } = projection();
  const count = 20_000;
  for (let at = 1; at <= count; at++) jobs.apply({ ...marker(at), subject: subjectOfRun(run({ run: `run${at}` })) });
  jobs.view("nightly");
  const before = process.cpuUsage();
  for (let times = 0; times < 5_000; times++) jobs.view("nightly");
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(500); // with a look at each of them: some seconds
  clock.ms = MARKER_TTL_SECONDS * 1000 + 1;
  expect(jobs.view("nightly").guard).toBe(0);
});

test("attempts count for their agent while they are not known to have ended, and waiting runs for the agent they wait for", () => {
  const { jobs } = projection();
  const waiting = (): string[] =>
    [...jobs.waitingFor({ id: "alpha", name: "alpha", labels: {} })].map(({ job }) => job);
  jobs.apply(stored(1));
  expect([jobs.occupancy.of("alpha"), waiting()]).toEqual([0, ["nightly"]]);
  jobs.apply(stored(2, run({ attempts: [attempt] })));
  expect([jobs.occupancy.of("alpha"), waiting()]).toEqual([1, []]);
  jobs.apply(stored(3, run({ attempts: [attempt], state: "completed", times: { submittedAt: AT, endedAt: AT } })));
  expect(jobs.occupancy.of("alpha")).toBe(0);
  jobs.apply(stored(4, run({ run: "run00002", attempts: [attempt] })));
  jobs.applySnapshot("nightly", { asOf: 9, entries: [] });
  expect(jobs.occupancy.of("alpha")).toBe(0);
});

test("a view is as fresh as what was applied last, however often it was looked at before", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  for (let sequence = 1; sequence <= 4; sequence++) {
    const id = sequence % 2 === 0 ? "run00001" : "run00002";
    jobs.apply(stored(sequence, run({ run: id, writeId: `w${sequence}` })));
    const { guard, runs } = jobs.view("nightly");
    expect([guard, runs.find((one) => one.run === id)?.writeId]).toEqual([sequence, `w${sequence}`]);
  }
});

test("a run that another server has stored is found, and raises no guard before the watch delivers what came before it", () => {
  const { jobs } = projection();
  jobs.apply(stored(3));
  jobs.announce({ kind: "run", run: run({ run: "run00003" }) }, 9);
  expect(jobs.find("run00003")?.sequence).toBe(9);
  expect(jobs.view("nightly")).toMatchObject({ guard: 3, runs: [{ run: "run00001" }] });
  jobs.apply(stored(7, run({ run: "run00002" })));
  jobs.apply(stored(9, run({ run: "run00003" })));
  expect(jobs.view("nightly").guard).toBe(9);
  jobs.apply({ ...marker(11), subject: subjectOfRun(run({ run: "run00003" })) });
  jobs.announce({ kind: "run", run: run({ run: "run00003" }) }, 9); // it comes late
  expect(jobs.find("run00003")).toBeUndefined();
});

test("a definition that another server has deleted is gone at once, and its marker goes by itself", () => {
  const { jobs, clock } = projection();
  const definition = { v: 1, job: "nightly", writeId: "w", policy: {}, updatedAt: AT, updatedBy: "ada" } as const;
  const defined: string[] = [];
  jobs.on("defined", (job) => void defined.push(job));
  jobs.apply(entryOf({ kind: "definition", definition }, 3));
  jobs.announce({ kind: "definition-marker", job: "nightly" }, 5);
  jobs.announce({ kind: "definition", definition }, 4); // it comes late
  expect(jobs.findDefinition("nightly")).toBeUndefined();
  expect(jobs.view("nightly").definition).toBeDefined();
  jobs.apply(entryOf({ kind: "definition-marker", job: "nightly" }, 5));
  jobs.announce({ kind: "definition", definition }, 4);
  expect(jobs.findDefinition("nightly")).toBeUndefined();
  expect(jobs.view("nightly")).toMatchObject({ definition: undefined, guard: 5 });
  expect(defined).toEqual(["nightly", "nightly"]);
  clock.ms += MARKER_TTL_SECONDS * 1_000 + 1;
  jobs.apply(stored(6, run({ job: "other" })));
  expect([...jobs.names()]).toEqual(["other"]);
});

test("an own write is put on top of the view that it was decided on, and of no other", () => {
  const { jobs } = projection();
  jobs.apply(stored(3));
  const view = jobs.view("nightly");
  jobs.applyOnTop(stored(5), view);
  expect(jobs.view("nightly").guard).toBe(5);
  jobs.reset();
  jobs.applyOnTop(stored(8, run({ run: "run00002" })), view);
  expect(jobs.view("nightly")).toMatchObject({ guard: 0, runs: [] });
});

test("runs of one millisecond, or due at one instant, are in the order of their submission", () => {
  const { jobs } = projection();
  const later = "2026-03-01T12:00:00.001Z";
  const due = "2026-03-01T13:00:00.000Z";
  const all = [
    run({ run: "run00004", nth: 0 }),
    run({ run: "run00003", nth: 1 }),
    run({ run: "run00002", nth: 2 }),
    run({ run: "run00005", times: { submittedAt: later } }),
    run({ run: "run00007", times: { submittedAt: AT, dueAt: due }, nth: 3 }),
    run({ run: "run00001", times: { submittedAt: later, dueAt: due }, nth: 1 }),
  ];
  for (const [index, one] of all.toReversed().entries()) jobs.apply(stored(index + 1, one));
  expect(jobs.view("nightly").runs.map((one) => one.run)).toEqual(all.map((one) => one.run));
});

test("views of jobs are alike to V8", () => {
  const { jobs } = projection();
  const views = Array.from({ length: 200 }, (_, index) => {
    const job = `nightly ${index}`;
    jobs.apply(stored(index + 1, run({ job, run: `run${index}` })));
    return jobs.view(job);
  });
  expect(countHiddenClasses(views.slice(100))).toBe(1);
});

test("a definition with a schedule that this version cannot compute is unreadable to decisions, until it is said anew", () => {
  const { jobs } = projection();
  const defined: string[] = [];
  jobs.on("defined", (job) => defined.push(job));
  const definition = (zone: string): JobDefinition => {
    const schedules = [{ id: "main", cron: "@daily", zone }];
    return { v: 1, job: "nightly", writeId: "w", policy: {}, schedules, updatedAt: AT, updatedBy: "ada" };
  };
  const newer = definition("Mars/Olympus");
  jobs.apply(entryOf({ kind: "definition", definition: newer }, 1));
  const view = { guard: 1, isUnreadable: true, definition: undefined, uncomputable: newer };
  expect(jobs.view("nightly")).toMatchObject(view);
  expect(jobs.findDefinition("nightly")).toEqual(newer);
  jobs.apply({ kind: "unreadable", job: "nightly", subject: "run", sequence: 2 });
  expect(jobs.view("nightly")).toMatchObject({ isUnreadable: true, uncomputable: undefined });
  jobs.applySnapshot("nightly", { asOf: 3, entries: [entryOf({ kind: "definition", definition: newer }, 3)] });
  expect(jobs.view("nightly")).toMatchObject({ ...view, guard: 3 });
  const anew = definition("Europe/Berlin");
  jobs.apply(entryOf({ kind: "definition", definition: anew }, 4));
  expect(jobs.view("nightly")).toMatchObject({ isUnreadable: false, definition: anew, uncomputable: undefined });
  expect(defined).toHaveLength(3);
});
