import type { AgentRecord, Beat, Run } from "@jobs/core";
import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { AgentsProjection, CONTACT_MS } from "../projection/agents-projection.ts";
import { countsForMs, trackAttempts } from "../projection/attempts-on-hosts.ts";
import { Dependents } from "../projection/dependents.ts";
import { HistoryIndex } from "../projection/history-index.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { RunPresenter } from "../projection/run-presenter.ts";
import { Silence } from "../projection/silence.ts";
import { AT, sampleAttempt, sampleRun } from "../testing/sample-run.ts";
import { Metrics } from "./metrics.ts";

const later = (ms: number): string => new Date(Date.parse(AT) + ms).toISOString();

const run = (change: Partial<Run> = {}): Run => sampleRun({ overlap: "queue", ...change });
const attempt = sampleAttempt();
const running = run({ state: "running", attempts: [{ ...attempt, startedAt: AT }] });
const ended = { ...running.times, runningAt: AT, endedAt: AT };
const record: AgentRecord = { v: 1, id: "alpha", name: "alpha", slots: 3, labels: {}, enrolledAt: AT };
const beat = (...held: Beat["held"]): Beat => ({
  v: 1,
  session: "s",
  number: 1,
  licence: { session: "s", number: 1 },
  held,
  inbox: true,
});

/** Real projections on a clock of the test's own; `figures` is one scrape, its lines by series. */
function server() {
  const clock = { ms: 0 };
  const monotonicMs = (): number => clock.ms;
  const nowMs = (): number => Date.parse(AT) + clock.ms;
  const jobs = new JobsProjection({ monotonicMs });
  const finished = new HistoryIndex();
  const silence = new Silence({ monotonicMs });
  const agents = new AgentsProjection({
    monotonicMs,
    now: () => later(clock.ms),
    assignedTo: (agent) => jobs.occupancy.of(agent),
    usedAtMs: (agent) => jobs.occupancy.usedAtMs(agent),
    countsForMs: (held, listedAtMs) => countsForMs(held, listedAtMs, { jobs, finished }),
  });
  trackAttempts(jobs, silence);
  const nats = { isConnected: true, flush: (): Promise<void> => Promise.resolve() };
  const metrics = new Metrics({
    jobs,
    finished,
    agents,
    presenter: new RunPresenter({ jobs, dependents: new Dependents(jobs), stateOf: () => undefined, silence, nowMs }),
    lease: { isHeld: true },
    mark: { isCurrent: () => true, ageMs: () => Number.POSITIVE_INFINITY },
    connection: { flush: () => nats.flush() },
    isConnected: () => nats.isConnected,
    nowMs,
    monotonicMs,
  });
  let sequence = 0;
  const store = (one: Run): void => jobs.apply(entryOf({ kind: "run", run: one }, ++sequence));
  const figures = async (): Promise<ReadonlyMap<string, string>> => {
    const lines = (await metrics.text()).split("\n").filter((line) => line.startsWith("jobs_"));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]));
  };
  return { clock, jobs, finished, agents, silence, metrics, nats, store, figures };
}

test("runs that wait are counted by what they wait for, with the longest queue and the oldest of each", async () => {
  const { clock, store, figures } = server();
  store(run({ run: "run00001", waitingFor: "previous-run" }));
  store(run({ run: "run00002", waitingFor: "previous-run", times: { submittedAt: AT, pendingAt: later(4_000) } }));
  store(run({ run: "run00003", job: "other", waitingFor: "held" }));
  store(run({ run: "run00004", job: "third", attempts: [attempt] }));
  store(run({ run: "run00005", job: "fourth", state: "submitted", times: { submittedAt: AT } }));
  clock.ms = 5_000;
  const seen = await figures();
  expect(seen.get('jobs_runs_live{state="pending",waiting_for="previous-run"}')).toBe("2");
  expect(seen.get('jobs_runs_live{state="pending",waiting_for="held"}')).toBe("1");
  expect(seen.get('jobs_runs_live{state="pending",waiting_for=""}')).toBe("1");
  expect(seen.get('jobs_runs_live{state="running",waiting_for=""}')).toBe("0");
  expect(seen.get("jobs_queue_length")).toBe("3");
  expect(seen.get("jobs_queue_longest")).toBe("2");
  expect(seen.get('jobs_queue_oldest_seconds{waiting_for="previous-run"}')).toBe("5");
  expect(seen.get('jobs_queue_oldest_seconds{waiting_for="slot"}')).toBe("0");
});

test("a run that is gone is in no figure of the next scrape", async () => {
  const { jobs, store, figures } = server();
  store(run({ waitingFor: "slot" }));
  expect((await figures()).get("jobs_queue_length")).toBe("1");
  jobs.apply(entryOf({ kind: "marker", run: run() }, 100));
  const seen = await figures();
  expect(seen.get("jobs_queue_length")).toBe("0");
  expect(seen.get('jobs_runs_live{state="pending",waiting_for="slot"}')).toBe("0");
});

test("silent, overdue and left-over runs are counted, each with the owner of its next step", async () => {
  const { clock, store, figures } = server();
  store(running);
  const exit = { exitCode: 0, leftOverPids: [7] };
  store(run({ run: "run00002", job: "b", state: "completed", attempts: [{ ...attempt, exit }], times: ended }));
  clock.ms = CONTACT_MS - 1;
  let seen = await figures();
  expect([seen.get("jobs_runs_silent"), seen.get("jobs_runs_left_over")]).toEqual(["0", "1"]);
  expect(seen.get('jobs_runs_overdue{owner="operator"}')).toBe("1"); // of what is left over, at once
  clock.ms = CONTACT_MS;
  seen = await figures();
  expect(seen.get("jobs_runs_silent")).toBe("1");
  clock.ms = 62 * 60_000; // never called lost by itself: after an hour somebody should look
  seen = await figures();
  expect(seen.get('jobs_runs_overdue{owner="operator"}')).toBe("2");
  expect(seen.get('jobs_runs_overdue{owner="agent"}')).toBe("0");
});

test("agents and their slots are summed by contact; what hosts run without a record is counted", async () => {
  const { clock, agents, store, finished, figures } = server();
  agents.onRecord(record, 1);
  agents.onRecord({ ...record, id: "beta", name: "beta", slots: 5 }, 2);
  store(running);
  agents.onBeat("alpha", beat({ job: "nightly", run: "run00001", attempt: 1 }), 0);
  let seen = await figures();
  expect([seen.get('jobs_agents{contact="yes"}'), seen.get('jobs_agents{contact="no"}')]).toEqual(["1", "1"]);
  expect(seen.get('jobs_agent_slots{contact="yes"}')).toBe("3");
  expect(seen.get('jobs_agent_slots_used{contact="yes"}')).toBe("1");
  expect(seen.get('jobs_agent_slots{contact="no"}')).toBe("5");
  expect(seen.get("jobs_attempts_unaccounted")).toBe("0");
  const foreign = { job: "gone", run: "run00009", attempt: 1 };
  agents.onBeat("alpha", beat({ job: "nightly", run: "run00001", attempt: 1 }, foreign), 0);
  seen = await figures();
  expect(seen.get("jobs_attempts_unaccounted")).toBe("1");
  finished.add(run({ ...running, ...foreign, attempts: [{ ...attempt, exit: { exitCode: 0 } }], times: ended }), 1);
  expect((await figures()).get("jobs_attempts_unaccounted")).toBe("0"); // its end is known by now
  clock.ms = CONTACT_MS;
  expect((await figures()).get('jobs_agents{contact="no"}')).toBe("2");
});

test("finished runs are those in HISTORY: each once, and never fewer than were shown, even while it is read again", async () => {
  const { finished, figures } = server();
  const series = 'jobs_runs_finished_total{state="failed",reason="lost"}';
  const lost = (id: string): Run => run({ run: id, state: "failed", reason: "lost", times: ended });
  expect((await figures()).get(series)).toBe("0");
  for (const id of ["run00001", "run00002", "run00002"]) finished.add(lost(id), 1);
  expect((await figures()).get(series)).toBe("2");
  finished.reset();
  finished.add(lost("run00001"), 1);
  expect((await figures()).get(series)).toBe("2");
  for (const id of ["run00002", "run00003"]) finished.add(lost(id), 1);
  expect((await figures()).get(series)).toBe("3");
});

test("what finishes once HISTORY was read again is counted, however many of those before are gone with their job", async () => {
  const { finished, figures } = server();
  const series = 'jobs_runs_finished_total{state="failed",reason="lost"}';
  const lost = (id: string, job: string): Run => run({ run: id, job, state: "failed", reason: "lost", times: ended });
  for (const [at, id] of ["run00001", "run00002", "run00003"].entries()) finished.add(lost(id, "deleted"), 1 + at);
  finished.add(lost("run00004", "kept"), 4);
  finished.erase("deleted", 5);
  finished.erased("deleted", 5);
  expect((await figures()).get(series)).toBe("4");
  for (let times = 1; times <= 2; times++) {
    finished.reset();
    finished.add(lost("run00004", "kept"), 4);
    finished.erased("deleted", 5);
    expect((await figures()).get(series)).toBe("4");
    finished.onReady();
    expect((await figures()).get(series)).toBe("4");
  }
  finished.add(lost("run00005", "kept"), 6);
  expect((await figures()).get(series)).toBe("5");
});

test("lateness is observed once, at the write that lets a run begin; again when it begins again after a loss", async () => {
  const { metrics, figures } = server();
  const assigned = run({ attempts: [{ ...attempt, assignedAt: later(2_000) }] });
  const begun = { ...assigned, state: "running" as const, times: { ...assigned.times, runningAt: later(3_000) } };
  metrics.onStored(run(), undefined);
  metrics.onStored(assigned, run());
  metrics.onStored(begun, assigned);
  metrics.onStored({ ...begun, cancel: { requestedAt: AT, by: "ada" } }, begun);
  let seen = await figures();
  expect([seen.get("jobs_start_lateness_seconds_count"), seen.get("jobs_start_lateness_seconds_sum")]).toEqual([
    "1",
    "3",
  ]);
  expect(seen.get("jobs_start_handover_seconds_sum")).toBe("1");
  metrics.onStored(begun, assigned);
  metrics.onStored({ ...begun, times: { ...begun.times, runningAt: later(-1_000) } }, assigned); // a clock was set back
  seen = await figures();
  expect([seen.get("jobs_start_lateness_seconds_count"), seen.get("jobs_start_lateness_seconds_sum")]).toEqual([
    "3",
    "6",
  ]);
});

test("a next try is late from its own time on: the backoff before it is none", async () => {
  const { metrics, figures } = server();
  const times = { submittedAt: AT, pendingAt: later(5_000) };
  const tried = { ...attempt, exit: { exitCode: 1 }, retryAt: later(305_000) };
  const refused = { ...attempt, number: 2, refusal: { code: "no-room", message: "No room." } as const };
  const before = run({ times, attempts: [tried, refused, { ...attempt, number: 3, assignedAt: later(306_000) }] });
  metrics.onStored({ ...before, state: "running", times: { ...times, runningAt: later(307_000) } }, before);
  expect((await figures()).get("jobs_start_lateness_seconds_sum")).toBe("2");
});

test("each slot that is skipped is counted once, as the range of them grows; a run that came due before anybody decided is late since then", async () => {
  const { metrics, figures } = server();
  const skipped = run({ state: "skipped", reason: "missed", slot: { schedule: "night", at: AT, count: 3 } });
  metrics.onStored(skipped, undefined);
  metrics.onStored({ ...skipped, slot: { schedule: "night", at: AT, count: 5 } }, skipped);
  metrics.onStored(run({ state: "skipped", reason: "overlap", slot: { schedule: "night", at: AT } }), undefined);
  metrics.onStored(run({ state: "skipped", reason: "missed" }), undefined); // of no schedule
  const times = { submittedAt: AT, dueAt: AT, pendingAt: later(60_000), runningAt: later(61_000) };
  metrics.onStored(run({ state: "running", attempts: [attempt], times }), run());
  const part: Partial<Run> = { partOf: "whole", state: "running", attempts: [attempt] }; // its turn came a minute later
  metrics.onStored(run({ ...part, times: { ...times, runningAt: later(60_000) } }), run());
  const target = { kind: "all", labels: "web" } as const; // it has no attempt itself
  metrics.onStored(run({ state: "running", target, attempts: [], times }), run());
  const seen = await figures();
  expect(seen.get('jobs_slots_skipped_total{reason="missed"}')).toBe("5");
  expect(seen.get('jobs_slots_skipped_total{reason="overlap"}')).toBe("1");
  expect(seen.get("jobs_start_lateness_seconds_sum")).toBe("122");
});

test("pauses, the lease, the view and NATS are told as they are", async () => {
  const { jobs, metrics, nats, figures } = server();
  const paused = { at: AT, by: "ada" };
  const about = { v: 1 as const, job: "nightly", writeId: "w", policy: {}, updatedAt: AT, updatedBy: "ada" };
  jobs.apply(entryOf({ kind: "definition", definition: { ...about, paused } }, 1));
  jobs.apply(entryOf({ kind: "definition", definition: { ...about, job: "other" } }, 2));
  jobs.applySettings({ v: 1, paused }, 3);
  metrics.onOutcome("conflict");
  metrics.onRejected("job-busy");
  let seen = await figures();
  expect([seen.get("jobs_paused_jobs"), seen.get("jobs_all_paused")]).toEqual(["1", "1"]);
  expect(seen.get("jobs_server_deciding")).toBe("1");
  expect([seen.get("jobs_view_current"), seen.get("jobs_view_age_seconds")]).toEqual(["1", "+Inf"]);
  expect([seen.get("jobs_nats_connected"), seen.get("jobs_nats_rtt_seconds")]).toEqual(["1", "0"]);
  expect(seen.get('jobs_decisions_total{outcome="conflict"}')).toBe("1");
  expect(seen.get('jobs_rejections_total{code="job-busy"}')).toBe("1");
  nats.flush = () => Promise.reject(new Error("closed"));
  expect((await figures()).get("jobs_nats_rtt_seconds")).toBe("1");
  nats.flush = () => new Promise(() => undefined);
  expect((await figures()).get("jobs_nats_rtt_seconds")).toBe("1"); // it waits that long, no longer
  nats.isConnected = false;
  seen = await figures();
  expect([seen.get("jobs_nats_connected"), seen.get("jobs_nats_rtt_seconds")]).toEqual(["0", "1"]);
});

test("two servers in one process have figures of their own, and one set of the process's", async () => {
  const [one, other] = [server(), server()];
  one.metrics.onOutcome("stored");
  const series = 'jobs_decisions_total{outcome="stored"}';
  expect([(await one.figures()).get(series), (await other.figures()).get(series)]).toEqual(["1", "0"]);
  const text = await other.metrics.text();
  expect(text.match(/^process_resident_memory_bytes \d+$/gm)).toHaveLength(1);
  expect(text.match(/^# TYPE nodejs_gc_duration_seconds histogram$/gm)).toHaveLength(1);
});
