/** Many submissions in one request, on the real system. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { JobsError, REQUEST_MAX_BYTES } from "@jobs/core";
import type { RunHandle } from "@jobs/sdk";
import { expect, test } from "vitest";
import { startCli } from "./support/cli.ts";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

const handle = (one: RunHandle | JobsError | undefined): RunHandle => {
  if (one === undefined || one instanceof JobsError) throw one ?? new Error("there is no result");
  return one;
};

function post(stack: Stack, body: string): Promise<Response> {
  return fetch(`${stack.servers[0]?.url}/v1/runs/bulk`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body,
  });
}

test("many submissions run; each that is wrong has its own error; sent again with their keys they are the same runs", async () => {
  await using stack = await startStack({ servers: 2, slots: 20 });
  const [first, second] = stack.servers.map((server) => stack.clientOf(server));
  const prefix = freshName();
  const good = (index: number) => ({
    name: `${prefix} ${index}`,
    script: `exit ${index}`,
    on: "alpha",
    key: `k${index}`,
  });
  const inputs = [
    good(0),
    { ...good(1), script: "if" },
    good(2),
    { ...good(3), on: "nowhere" },
    { ...good(0), script: "exit 7" },
    { ...good(5), name: " " },
    good(6),
  ];
  const results = await stack.client.submitJobs(inputs);
  expect(results.map((one) => (one instanceof JobsError ? `${one.code} ${one.field}` : one.job))).toEqual([
    `${prefix} 0`,
    "script-syntax script",
    `${prefix} 2`,
    "agent-unknown on",
    "key-conflict key",
    "name-invalid name",
    `${prefix} 6`,
  ]);
  for (const index of [0, 2, 6]) expect(await handle(results[index]).result()).toMatchObject({ exitCode: index });
  for (const client of [first, second]) {
    const again = (await client?.submitJobs(inputs)) ?? [];
    for (const index of [0, 2, 6]) expect(again[index]).toMatchObject({ id: handle(results[index]).id, known: true });
  }
  const runs = await stack.client.listRuns({ limit: 100 });
  expect(runs.filter(({ job }) => job.startsWith(prefix)).length).toBe(3);
}, 60_000);

test("those of one job are decided in the order given, through a server that does not decide, too", async () => {
  await using stack = await startStack({ servers: 2 });
  for (const server of stack.servers) {
    const name = freshName();
    const inputs = Array.from({ length: 20 }, (_, index) => ({
      name,
      script: "true",
      hold: true,
      overlap: "queue" as const,
      env: { INDEX: String(index) },
    }));
    const results = (await stack.clientOf(server).submitJobs(inputs)).map(handle);
    const sequence = (await stack.client.getJob(name)).runs.map(({ run, place }) => [run, place]);
    expect(sequence).toEqual(results.map(({ id }, index) => [id, index + 1]));
  }
}, 60_000);

test("a run may wait for one that the same request makes", async () => {
  await using stack = await startStack();
  const [build, ship] = [freshName("build"), freshName("ship")];
  const results = await stack.client.submitJobs([
    { name: build, script: "true", on: "alpha", hold: true },
    { name: ship, script: "true", on: "alpha", after: { jobs: [build] } },
  ]);
  const [one, other] = results.map(handle);
  expect(other?.view).toMatchObject({ waitingFor: "dependency", after: { runs: [{ job: build, run: one?.id }] } });
}, 60_000);

test("a request that is too large, or has too many or none, is refused as a whole, and says so", async () => {
  await using stack = await startStack();
  const many = (count: number): string =>
    JSON.stringify({ runs: Array.from({ length: count }, (_, index) => ({ name: `j${index}`, script: "true" })) });
  for (const body of ["{}", JSON.stringify({ runs: {} }), many(0), many(1_001)]) {
    const response = await post(stack, body);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { error: { code: "invalid-request", field: "runs" } },
    ]);
  }
  const large = await post(stack, JSON.stringify({ runs: [{ name: "a", script: "x".repeat(REQUEST_MAX_BYTES) }] }));
  expect([large.status, await large.json()]).toMatchObject([413, { error: { code: "body-too-large", field: "runs" } }]);
  const text = await post(stack, "no json");
  expect([text.status, await text.json()]).toMatchObject([400, { error: { code: "body-not-json" } }]);
  expect(await stack.client.listRuns()).toEqual([]);
}, 60_000);

test("jobs submit --bulk submits a file, prints a line for each and ends with the first error", async () => {
  await using stack = await startStack();
  const cwd = join(stack.directory, "home");
  await mkdir(cwd);
  const env = { HOME: cwd, JOBS_URL: stack.servers[0]?.url ?? "", JOBS_TOKEN: TOKEN };
  const prefix = freshName();
  const lines = [{ script: "exit 3" }, { script: "if" }, { script: "exit 4" }];
  const text = lines.map((one, index) => JSON.stringify({ name: `${prefix} ${index}`, ...one })).join("\n");
  await writeFile(join(cwd, "all.jsonl"), text);
  const outcome = await startCli(["submit", "--bulk", "all.jsonl"], { cwd, env }).outcome;
  expect(outcome.exitCode).toBe(65);
  const [one, wrong, other] = outcome.stdout.split("\n");
  expect(wrong).toBe("-");
  expect(outcome.stderr).toContain("Line 2: bash cannot read the script");
  expect(await (await stack.client.run(one ?? "")).result()).toMatchObject({ job: `${prefix} 0`, exitCode: 3 });
  expect(await (await stack.client.run(other ?? "")).result()).toMatchObject({ job: `${prefix} 2`, exitCode: 4 });
}, 60_000);
