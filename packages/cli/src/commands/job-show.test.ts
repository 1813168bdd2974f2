import { stripVTControlCharacters } from "node:util";
import type { JobView } from "@jobs/sdk";
import { startContractServer } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const updatedAt = "2026-11-23T10:00:00.000Z";
const parameters = [{ name: "REGION", type: "text" as const, default: "eu" }];
const task = { script: "echo hi", on: "web-1", interpreter: ["bash"], env: { A: "1" }, parameters };
/** The agent `web-1` is called `web one`. */
const shown = { ...task, on: "web one", agent: "web-1", parametersSchema: {} };

interface Started {
  readonly task?: JobView["task"];
  readonly late?: number;
  readonly more?: Partial<JobView>;
}

/** Answers with the job; the first saves, so many of them, come too late. */
async function startServer({ task: given, late = 0, more = {} }: Started = {}) {
  const body: JobView = {
    job: "nightly",
    policy: {},
    runs: [],
    updatedAt,
    ...(given === undefined ? {} : { task: given }),
    ...more,
  };
  let saves = 0;
  const server = await startContractServer({
    answer: ({ method }) =>
      method === "POST" && saves++ < late
        ? { status: 409, body: { error: { code: "job-changed", message: "Read it again." } } }
        : { body },
  });
  return Object.assign(server, {
    run: (...options: readonly string[]) =>
      runCommand(["job", "nightly", ...options], { env: { JOBS_URL: server.url, JOBS_TOKEN: server.token } }),
    saved: () => server.requests.filter(({ method }) => method === "POST").map(({ body: sent }) => sent),
  });
}

test("with a script a task is set as a whole, with --no-task taken away", async () => {
  await using server = await startServer({ task: shown });
  await server.run("-c", "echo ho", "--on", "web-2", "-e", "B=2", "--interpreter", "sh -e");
  await server.run("--no-task");
  const said = { script: "echo ho", on: "web-2", env: { B: "2" }, interpreter: ["sh", "-e"] };
  expect(server.saved()).toEqual([
    { name: "nightly", task: said },
    { name: "nightly", task: null },
  ]);
});

test("without a script the task that there is is changed, and nothing else of it", async () => {
  await using server = await startServer({ task: shown });
  await server.run("--on", "web-2", "--retries", "2");
  await server.run("--on-any", "zone=eu");
  await server.run("--on-all", "zone=eu");
  await server.run("-e", "B=2");
  await server.run("--interpreter", "sh -e");
  const change = { name: "nightly", ifUpdatedAt: updatedAt };
  expect(server.saved()).toEqual([
    { ...change, task: { ...task, on: "web-2" }, policy: { retry: { count: 2 } } },
    { ...change, task: { ...task, on: { any: "zone=eu" } } },
    { ...change, task: { ...task, on: { all: "zone=eu" } } },
    { ...change, task: { ...task, env: { B: "2" } } },
    { ...change, task: { ...task, interpreter: ["sh", "-e"] } },
  ]);
});

test("a task that somebody else changes at the same time is read again", async () => {
  await using server = await startServer({ task: shown, late: 1 });
  expect(await server.run("--on", "web-2")).toMatchObject({ exitCode: 0 });
  expect(server.requests.map(({ method }) => method)).toEqual(["GET", "POST", "GET", "POST"]);
});

test.each([
  [["--script", import.meta.filename, "-c", "other"], "not both"],
  [["--no-task", "-c", "echo"], "--no-task"],
  [["--no-task", "--on", "web-2"], "--no-task"],
  [["--on", "web-2", "--retries", "2"], "has no task"],
])("%j is refused, and nothing saved", async (options, advice) => {
  await using server = await startServer();
  expect(await server.run(...options)).toMatchObject({
    exitCode: 64,
    stderr: expect.stringContaining(advice) as string,
  });
  expect(server.saved()).toEqual([]);
});

test("--defaults alone is refused of a job that there is not, and sets a policy back of one that there is", async () => {
  const unknown = { error: { code: "job-unknown", message: "There is no job." } };
  await using none = await startContractServer({ answer: () => ({ status: 404, body: unknown }) });
  const env = { JOBS_URL: none.url, JOBS_TOKEN: none.token };
  expect(await runCommand(["job", "nihgtly", "--defaults"], { env })).toMatchObject({ exitCode: 66, stdout: "" });
  expect(none.requests.filter(({ method }) => method === "POST")).toEqual([]);
  await using server = await startServer();
  await server.run("--defaults");
  await server.run("--defaults", "--priority", "7");
  expect(server.saved()).toEqual([
    { name: "nightly", policy: {} },
    { name: "nightly", policy: { priority: 7 } },
  ]);
});

test("a job that its server leaves alone says why", async () => {
  await using server = await startServer({ more: { unreadable: "This server cannot tell the times." } });
  expect(await server.run()).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/left alone +This server cannot tell the times\./) as string,
  });
});

test("of a schedule all is shown that is not as by default, in the words of the options, and is not cut", async () => {
  const from = { from: "2026-12-24T00:00:00Z", to: "2026-12-27T00:00:00Z" };
  const full = {
    id: "night",
    cron: "30 2 * * *",
    zone: "Europe/Berlin",
    gap: "skip" as const,
    fold: "first" as const,
    catchUp: { mode: "all" as const, max: 20, withinMs: 7_200_000 },
    start: "2026-12-01T00:00:00Z",
    end: "2027-12-01T00:00:00Z",
    jitterMs: 90_000,
    blackouts: [from, { cron: "0 0 */2 * *", forMs: 1_500 }],
  };
  const usual = {
    id: "usual",
    every: { ms: 60_000 },
    gap: "after" as const,
    catchUp: { mode: "last" as const, max: 10, withinMs: 86_400_000 },
    jitterMs: 0,
    blackouts: [],
    paused: true,
  };
  const schedules = [full, usual].map((schedule) => ({ schedule, next: [], doneUntil: updatedAt }));
  const body: JobView = { job: "nightly", policy: {}, runs: [], schedules };
  await using server = await startContractServer({ answer: () => ({ body }) });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const { stdout } = await runCommand(["job", "nightly"], { env, columns: 80 });
  const lines = stripVTControlCharacters(stdout).trimEnd().split("\n");
  expect(lines.slice(lines.indexOf("") + 1)).toEqual([
    "schedule night  30 2 * * * Europe/Berlin",
    `with gap skip, fold first, catch-up all, catch-up-max 20, catch-up-within 2h, start ${full.start}, end ${full.end}, jitter 90s, blackout ${from.from}/${from.to}, blackout 0 0 */2 * */1500ms`,
    "",
    "schedule usual  every 60 s, paused",
  ]);
});
