import { instantOf, type JobDefinition, type Payload } from "@jobs/core";
import { connectNats } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { expect, test } from "vitest";
import { Dependents } from "../projection/dependents.ts";
import { FinishedRecords } from "../projection/finished-records.ts";
import { HistoryIndex } from "../projection/history-index.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { RunPresenter } from "../projection/run-presenter.ts";
import { Runs } from "../projection/runs.ts";
import { sampleAgent, sampleAgents } from "../testing/sample-agents.ts";
import { AT, finishedRun } from "../testing/sample-run.ts";
import { startStaleServer } from "../testing/stale-server.ts";
import type { OperationsOptions } from "./handlers.ts";
import { jobHandlers } from "./job-operations.ts";

const JOB = "nightly";
const target = { kind: "agent", agent: "alpha", name: "alpha" } as const;

function taskOf(script: string): NonNullable<JobDefinition["task"]> {
  const body = JSON.stringify({ v: 1, script, interpreter: ["bash"], env: {} });
  const payload: Payload = { form: "plain", sha256: script, sizeBytes: body.length, body };
  return { target, payload, digest: script };
}

/** A server that decides, and another one that knows of the job what it had when it last caught up. */
async function startServers() {
  const nats = await startNats();
  const link = await connectNats({ url: nats.url, name: "test" });
  const clock = { ms: Date.parse(AT) };
  const { decider, jobs: decided, store } = await startStaleServer(link, { now: () => instantOf(clock.ms++) });
  const nowMs = (): number => clock.ms;
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const catchUp = async (): Promise<void> => jobs.applySnapshot(JOB, await store.read(JOB));
  const dependents = new Dependents(jobs);
  const silence = { sinceHeardMs: () => 0 };
  const presenter = new RunPresenter({ jobs, dependents, stateOf: () => undefined, silence, nowMs });
  const records = new FinishedRecords({ read: () => Promise.resolve(undefined) });
  const history = new HistoryIndex();
  const runs = new Runs({ jobs, history, presenter, records, catchUp, mayDecide: () => false });
  const deleted: string[] = [];
  const define = (change: object) => decider.define(JOB, { by: "ada", ...change });
  const commands = {
    define: (_: string, change: object) => define(change),
    delete: (job: string) => Promise.resolve(void deleted.push(job)),
    submit: (...args: Parameters<typeof decider.submit>) => decider.submit(...args),
  };
  // What these operations do not come to is left out.
  const agents = sampleAgents(sampleAgent("alpha"));
  const served = { commands, runs, jobs, agents, presenter, nowMs };
  const options = served as unknown as OperationsOptions;
  return {
    clock,
    agents,
    history,
    deleted,
    decided,
    define,
    catchUp,
    behind: jobHandlers(options),
    [Symbol.asyncDispose]: async () => {
      await link.connection.close();
      await nats[Symbol.asyncDispose]();
    },
  };
}

test("a run now is one of what was saved last, through a server that has not seen that yet, too", async () => {
  await using servers = await startServers();
  await servers.define({ task: taskOf("old") });
  await servers.catchUp();
  await servers.define({ task: taskOf("new") });
  const { run } = await servers.behind.runJob({ name: JOB }, "bob");
  expect(servers.decided.find(run.run)?.run.payload).toEqual(taskOf("new").payload);
});

test("a run of a job of which nothing is known is told so; of one that has run, that it has no task", async () => {
  await using servers = await startServers();
  const refused = (parameters?: Record<string, unknown>) =>
    expect(servers.behind.runJob({ name: JOB, ...(parameters === undefined ? {} : { parameters }) }, "bob")).rejects;
  await refused().toMatchObject({ code: "job-unknown", field: "name" });
  await refused({ A: 1 }).toMatchObject({ code: "job-unknown", field: "name" });
  servers.history.add(finishedRun({ job: JOB }), 1);
  await refused().toMatchObject({ code: "task-missing", field: "name" });
});

test("a job that was saved a moment ago is deleted through a server that has not seen that yet, too", async () => {
  await using servers = await startServers();
  servers.history.add(finishedRun({ job: JOB }), 1);
  await servers.define({ task: taskOf("new") });
  await servers.behind.deleteJob({ name: JOB, history: "keep" }, "bob");
  expect(servers.deleted).toEqual([JOB]);
});

test("whoever is told that a job has changed reads the change at the server that said so", async () => {
  await using servers = await startServers();
  await servers.define({ task: taskOf("old") });
  await servers.catchUp();
  const { updatedAt } = await servers.behind.getJob({ name: JOB }, "ada");
  await servers.define({ task: taskOf("new") });
  const save = (ifUpdatedAt = updatedAt) =>
    servers.behind.saveJob({ name: JOB, policy: { queueLimit: 3 }, ifUpdatedAt }, "bob");
  await expect(save()).rejects.toMatchObject({ code: "job-changed" });
  const now = await servers.behind.getJob({ name: JOB }, "ada");
  expect(now.task?.script).toBe("new");
  await save(now.updatedAt);
  await servers.catchUp();
  expect(await servers.behind.getJob({ name: JOB }, "ada")).toMatchObject({ policy: { queueLimit: 3 } });
});

test("a job shows a slot until it is due, with its jitter", async () => {
  await using servers = await startServers();
  await servers.define({
    task: taskOf("true"),
    schedules: [{ id: "main", cron: "@hourly", jitterMs: 3_599_999 }],
  });
  await servers.catchUp();
  const next = async () => (await servers.behind.getJob({ name: JOB }, "ada")).schedules?.[0]?.next;
  const [first, second] = (await next()) ?? [];
  const dueMs = Date.parse(first?.dueAt ?? "");
  expect(dueMs).toBeGreaterThan(Date.parse(first?.at ?? ""));
  servers.clock.ms = dueMs - 1;
  expect((await next())?.slice(0, 2)).toEqual([first, second]);
  servers.clock.ms = dueMs;
  expect((await next())?.[0]).toEqual(second);
});

test("a job shows a schedule that this server cannot compute, and why the job is left alone", async () => {
  await using servers = await startServers();
  const schedules = [{ id: "main", cron: "@daily", zone: "Mars/Olympus" }];
  await servers.define({ task: taskOf("true"), schedules });
  await servers.catchUp();
  const shown = await servers.behind.getJob({ name: JOB }, "ada");
  expect(shown).toMatchObject({
    task: { script: "true" },
    unreadable: expect.stringContaining("save the schedule anew") as string,
    schedules: [{ schedule: schedules[0], next: [] }],
  });
});

test("a job shows the agent of its task by the name that it has now, and by its id", async () => {
  await using servers = await startServers();
  await servers.define({ task: taskOf("true") });
  await servers.catchUp();
  servers.agents.onRecord(sampleAgent("alpha", { name: "alpha-old" }), 2);
  servers.agents.onRecord(sampleAgent("beta", { name: "alpha" }), 3);
  const { task } = await servers.behind.getJob({ name: JOB }, "ada");
  expect(task).toMatchObject({ on: "alpha-old", agent: "alpha" });
});

test("a job is of another set, or made by hand, when nothing else is said of it; nothing at all is refused", async () => {
  await using servers = await startServers();
  await servers.define({ policy: { overlap: "queue" }, appliedFrom: "web" });
  await servers.catchUp();
  for (const appliedFrom of ["db", null]) {
    await servers.behind.saveJob({ name: JOB, appliedFrom }, "bob");
    const { policy, appliedFrom: set } = servers.decided.findDefinition(JOB) ?? {};
    expect([policy, set ?? null]).toEqual([{ overlap: "queue" }, appliedFrom]);
  }
  const nothing = servers.behind.saveJob({ name: JOB }, "bob");
  await expect(nothing).rejects.toMatchObject({ code: "invalid-request", field: "policy" });
});

test("what only takes away is refused of a job that there is not, and done to one that another server has saved a moment ago", async () => {
  await using servers = await startServers();
  const changes = [{ task: null }, { schedules: [] }, { appliedFrom: null }, { task: null, dryRun: true }];
  const save = (change: object) => servers.behind.saveJob({ name: JOB, ...change }, "bob");
  for (const change of changes)
    await expect(save(change)).rejects.toMatchObject({ code: "job-unknown", field: "name" });
  expect(servers.decided.findDefinition(JOB)).toBeUndefined();
  await servers.define({ task: taskOf("true") });
  await save({ schedules: [], task: null });
  expect(servers.decided.findDefinition(JOB)?.task).toBeUndefined();
});

test("what is taken away from a job that has only run is not there, which is no error", async () => {
  await using servers = await startServers();
  servers.history.add(finishedRun({ job: JOB }), 1);
  expect(await servers.behind.saveJob({ name: JOB, task: null }, "bob")).toMatchObject({ job: JOB, policy: {} });
  expect(servers.decided.findDefinition(JOB)).toBeUndefined();
});
