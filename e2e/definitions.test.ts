/** Jobs as they are listed, deleted, applied from files and exported. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "./support/cli.ts";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ servers: 2, slots: 4 });
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

const TASK = { script: "echo hello", on: "alpha" };
const LONG = { script: "while :; do sleep 0.1; done", on: "alpha" };

async function send(method: string, path: string): Promise<{ status: number; code?: string; field?: string }> {
  const response = await fetch(`${stack.servers[0]?.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  const { error } = (await response.json()) as { error?: { code: string; field?: string } };
  return { status: response.status, ...error };
}

test("jobs are listed by name from every server, with what is paused, due and live", async () => {
  const prefix = freshName();
  const names = ["a", "b", "c"].map((end) => `${prefix} ${end}`);
  const [a = "", b = "", c = ""] = names;
  await stack.client.saveJob(a, { task: TASK, schedules: [{ id: "night", cron: "30 2 * * *" }] });
  await stack.client.saveJob(b, { task: LONG });
  await stack.client.pauseJob(b);
  const live = await stack.client.submitJob({ name: c, ...LONG });
  for (const server of stack.servers) {
    const client = stack.clientOf(server);
    await expect
      .poll(() => client.listJobs({ after: prefix, limit: 3 }))
      .toMatchObject([
        { job: a, schedules: 1, next: [{ schedule: "night" }], liveRuns: 0 },
        { job: b, paused: { by: "tester" }, schedules: 0, liveRuns: 0 },
        { job: c, liveRuns: 1 },
      ]);
    expect(await client.listJobs({ after: a, limit: 1 })).toMatchObject([{ job: b }]);
  }
  const printed = await runCli(stack, "job", "list", "--after", prefix, "--limit", "3");
  expect(printed.stdout.split("\n").map((line) => line.slice(0, a.length))).toEqual([
    "JOB".padEnd(a.length),
    ...names,
    "",
  ]);
  const document = await runCli(stack, "job", "list", "--after", prefix, "--limit", "1", "--json");
  expect(JSON.parse(document.stdout)).toMatchObject({ jobs: [{ job: a }] });
  expect(await send("GET", "/v1/jobs?limit=0")).toMatchObject({ status: 400, code: "invalid-request", field: "limit" });
  expect(await send("GET", "/v1/jobs?page=2")).toMatchObject({ status: 400, code: "invalid-request", field: "page" });
  await live.cancel();
  await live.result();
});
