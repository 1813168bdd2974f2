import { instantOf, SubmitInput, type ErrorCode, type JobDefinition, type Run } from "@jobs/core";
import { connectNats } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { expect, test } from "vitest";
import type { OperationsOptions, Parsed } from "../http/handlers.ts";
import { operationHandlers } from "../http/operations.ts";
import { Dependents } from "../projection/dependents.ts";
import { FinishedRecords } from "../projection/finished-records.ts";
import { HistoryIndex } from "../projection/history-index.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { RunPresenter } from "../projection/run-presenter.ts";
import { Runs } from "../projection/runs.ts";
import { sampleAgent, sampleAgents } from "../testing/sample-agents.ts";
import { AT, finishedRun } from "../testing/sample-run.ts";
import { startStaleServer } from "../testing/stale-server.ts";

const JOB = "nightly";
const BEFORE = "0000000000000000000run";

type Given = { readonly [K in keyof SubmitInput]?: SubmitInput[K] | undefined };

/** A server that decides, and another one that passes submissions on, and has seen nothing of them before it catches up. */
async function startServers() {
  const nats = await startNats();
  const link = await connectNats({ url: nats.url, name: "test" });
  const nowMs = (): number => Date.parse(AT);
  const index = new HistoryIndex();
  const { decider, store, history } = await startStaleServer(link, { now: () => instantOf(nowMs()), finished: index });
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  let catchUps = 0;
  const catchUp = async (): Promise<void> => {
    catchUps++;
    jobs.applySnapshot(JOB, await store.read(JOB));
  };
  const dependents = new Dependents(jobs);
  const silence = { sinceHeardMs: () => 0 };
  const presenter = new RunPresenter({ jobs, dependents, stateOf: () => undefined, silence, nowMs });
  const records = new FinishedRecords({ read: (job, run) => history.find(job, run) });
  const runs = new Runs({ jobs, history: index, presenter, records, catchUp, mayDecide: () => false });
  const commands = { submit: (...args: Parameters<typeof decider.submit>) => decider.submit(...args) };
  const agents = sampleAgents(sampleAgent("a1", { name: "web-1", labels: { role: "web" } }));
  const syntax = { check: () => Promise.resolve() };
  const metrics = { onRejected: () => undefined };
  // What these operations do not come to is left out.
  const served = { commands, runs, jobs, agents, presenter, syntax, metrics, mayDecide: () => false, nowMs };
  const handlers = operationHandlers(served as unknown as OperationsOptions);
  const finish = async (run: Run): Promise<void> => {
    await history.write(run);
    index.add(run, 1);
  };
  await finish(finishedRun({ job: "before", run: BEFORE }));
  return {
    agents,
    finish,
    catchUps: () => catchUps,
    forget: (run: string) => index.remove(run),
    record: async (run: string) => (await store.read(JOB)).entries.find((one) => one.run?.run === run)?.run,
    remove: (run: Run) => decider.remove(run),
    define: (change: object) => decider.define(JOB, { by: "ada", ...change }),
    submit: (change: Given) => handlers.submitRun(inputOf(change), "ada"),
    submitMany: (...given: Given[]) => handlers.submitRuns({ runs: given.map(inputOf) }, "ada"),
    runJob: (change: Partial<Parsed<"runJob">>) => handlers.runJob({ name: JOB, key: "k", ...change }, "ada"),
    [Symbol.asyncDispose]: async () => {
      await link.connection.close();
      await nats[Symbol.asyncDispose]();
    },
  };
}

function inputOf(change: Given): Parsed<"submitRun"> {
  return SubmitInput.parse({ name: JOB, script: "echo hi", key: "k", ...change });
}

type Servers = Awaited<ReturnType<typeof startServers>>;

const after = { runs: [BEFORE] };
const renamed = ({ agents }: Servers): void => agents.onRecord(sampleAgent("a1", { name: "old" }), 10);
const enrolled = (name: string) => (servers: Servers) => servers.agents.onRecord(sampleAgent("a2", { name }), 11);
const madeAnew = (servers: Servers): void => {
  renamed(servers);
  enrolled("web-1")(servers);
};

/** What has changed, and what becomes of another content. */
const changes: [string, Given, (servers: Servers) => void, ErrorCode][] = [
  ["a second host has come", {}, enrolled("web-2"), "target-required"],
  ["its host was made anew", { on: "web-1" }, madeAnew, "key-conflict"],
  ["another host has its host's name, too", { on: "web-1" }, enrolled("web-1"), "agent-ambiguous"],
  ["its host has another name", { on: "web-1" }, renamed, "agent-unknown"],
  ["no host matches any more", { on: { any: "role=web", prefer: ["role=web"] } }, renamed, "agent-unknown"],
  ["none of all hosts matches any more", { on: { all: "role=web", atOnce: 1 } }, renamed, "agent-unknown"],
  ["the run that it waits for was deleted", { after }, ({ forget }) => forget(BEFORE), "run-unknown"],
  [
    "the job that it waits for was deleted",
    { after: { jobs: ["before"] } },
    ({ forget }) => forget(BEFORE),
    "job-unknown",
  ],
];

test.each(changes)("the same key gives the same run although %s; another content is refused", async (...row) => {
  const [, asked, change, code] = row;
  await using servers = await startServers();
  const first = await servers.submit(asked);
  change(servers);
  const same = { run: { run: first.run.run }, known: true };
  await expect(servers.submit(asked)).resolves.toMatchObject(same);
  await expect(servers.submitMany(asked, asked)).resolves.toMatchObject({ results: [same, same] });
  const others = [{ script: "echo no" }, { priority: 9 }, { hold: true }, { at: "2026-03-02T00:00:00Z" }];
  for (const other of others) await expect(servers.submit({ ...asked, ...other })).rejects.toMatchObject({ code });
  await expect(servers.submit({ ...asked, on: "nosuch" })).rejects.toMatchObject({ code: "agent-unknown" });
});

test("the same key gives the same run after that has finished, too, and its host was made anew", async () => {
  await using servers = await startServers();
  const { run } = await servers.submit({ on: "web-1" });
  const record = (await servers.record(run.run))!;
  await servers.finish({ ...record, state: "completed", times: { ...record.times, endedAt: AT } });
  await servers.remove(record);
  madeAnew(servers);
  const again = await servers.submit({ on: "web-1" });
  expect(again).toMatchObject({ run: { run: run.run, state: "completed" }, known: true });
  await expect(servers.submit({ on: "a2" })).rejects.toMatchObject({ code: "key-conflict" });
  await expect(servers.submit({ on: "web-1", script: "no" })).rejects.toMatchObject({ code: "key-conflict" });
});

test("a key that is new is not looked for, nor is one that is not given", async () => {
  await using servers = await startServers();
  await servers.submit({ on: "web-1" });
  await expect(servers.submit({ key: "other" })).rejects.toMatchObject({ code: "job-busy" });
  await expect(servers.submit({ key: undefined, on: "nosuch" })).rejects.toMatchObject({ code: "agent-unknown" });
  expect(servers.catchUps()).toBe(0);
  await expect(servers.submit({ key: "other", on: "nosuch" })).rejects.toMatchObject({ code: "agent-unknown" });
});

function taskOf(script: string): NonNullable<JobDefinition["task"]> {
  const body = JSON.stringify({ v: 1, script, interpreter: ["bash"], env: {} });
  const parameters = [
    { name: "LEVEL", type: "text" as const, default: "info" },
    { name: "SIZE", type: "number" as const },
  ];
  return {
    target: { kind: "agent", agent: "a1", name: "web-1" },
    payload: { form: "plain", sha256: script, sizeBytes: body.length, body },
    parameters: script === "old" ? parameters : parameters.slice(0, 1),
    digest: script,
  } as NonNullable<JobDefinition["task"]>;
}

test.each<[string, Parameters<Servers["runJob"]>[0], object]>([
  ["was edited", {}, { task: taskOf("new") }],
  ["was edited, also with parameters", { parameters: { LEVEL: "debug" } }, { task: taskOf("new") }],
  ["does not have its parameter any more", { parameters: { SIZE: 1 } }, { task: taskOf("new") }],
  ["is gone", { on: "web-1", priority: 7 }, { task: null }],
])("the same key gives the same run of a job's task although that %s", async (_, asked, change) => {
  await using servers = await startServers();
  await servers.define({ task: taskOf("old") });
  const { run } = await servers.runJob(asked);
  expect((await servers.record(run.run))?.askedDigest).toMatch(/^[0-9a-f]{64}$/);
  await servers.define(change);
  expect(await servers.runJob(asked)).toMatchObject({ run: { run: run.run }, known: true });
  const others = [{ parameters: { LEVEL: "warn" } }, { on: "a1" }, { priority: 1 }, { hold: true }];
  for (const other of others) await expect(servers.runJob({ ...asked, ...other })).rejects.toThrow();
  await expect(servers.submit({ script: "echo hi" })).rejects.toMatchObject({ code: "key-conflict" });
});
