/** What a run of a job may be given, from a tool, a shell or over HTTP to the script's environment. */
import type { Parameter } from "@jobs/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli, type CliOutcome } from "./support/cli.ts";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

const DECLARED: Parameter[] = [
  { name: "REGION", type: "choice", values: ["eu", "us"], required: true, description: "Where to." },
  { name: "COUNT", type: "number", integer: true, min: 1, max: 10, default: 3 },
  { name: "NOTE", type: "text" },
  { name: "DRY_RUN", type: "flag", default: false },
];

/** Keeps each variable as it is: in files, since a terminal changes line feeds. */
const KEEP = `for name in REGION COUNT NOTE DRY_RUN LEVEL; do
  if [ -n "\${!name+x}" ]; then printf %s "\${!name}" > "$JOBS_OUTPUT/$name"; fi
done`;

async function saved(task: { script?: string; env?: Record<string, string> } = {}): Promise<string> {
  const name = freshName();
  await stack.client.saveJob(name, {
    task: { script: KEEP, on: "alpha", env: { LEVEL: "info" }, parameters: DECLARED, ...task },
  });
  return name;
}

/** The variables that the script saw. */
async function seen(run: string): Promise<Record<string, string>> {
  const handle = await stack.client.run(run);
  expect(await handle.result()).toMatchObject({ state: "completed" });
  const files: [string, string][] = [];
  for (const artifact of await handle.artifacts())
    files.push([artifact.name, new TextDecoder().decode(await artifact.bytes())]);
  return Object.fromEntries(files);
}

function post(path: string, body: object): Promise<Response> {
  return fetch(`${stack.servers[0]?.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

function jobs(...args: string[]): Promise<CliOutcome> {
  return runCli(stack, ...args);
}

test("values and defaults reach the script as its environment, over what the task sets, and are shown", async () => {
  const name = await saved();
  const run = await stack.client.runJob(name, { parameters: { REGION: "eu", NOTE: "by hand" } });
  expect(await seen(run.id)).toEqual({ REGION: "eu", COUNT: "3", NOTE: "by hand", DRY_RUN: "false", LEVEL: "info" });
  const shown = { REGION: "eu", COUNT: 3, NOTE: "by hand", DRY_RUN: false };
  expect((await stack.client.getRun(run.id)).parameters).toEqual(shown);
  const again = await stack.client.rerunRun(run.id, { env: { LEVEL: "debug" } });
  expect(await seen(again.id)).toEqual({ REGION: "eu", COUNT: "3", NOTE: "by hand", DRY_RUN: "false", LEVEL: "debug" });
  expect(again.view.parameters).toEqual(shown);
});

test.each<[string, string]>([
  ["line feeds", "one\ntwo\n\n"],
  ["quotes and backslashes", `it's "so" \\ \\n \``],
  ["what a shell would carry out", "$(echo a); `echo b`; ${HOME} && exit 3 #"],
  ["nothing", ""],
  ["all kinds of characters", "ä 名 🦊 \u0001\u001b[31m\r\t"],
  ["32 kB", "0123456789abcde\n".repeat(2048)],
  ["an equals sign and a percent sign", "a=b %s %n"],
])("a text with %s arrives unchanged", async (_, NOTE) => {
  const name = await saved();
  const run = await stack.client.runJob(name, { parameters: { REGION: "us", NOTE } });
  expect((await seen(run.id))["NOTE"]).toBe(NOTE);
});

test.each<[string, unknown, string]>([
  ["missing", {}, "parameters.REGION"],
  ["not declared", { REGION: "eu", ZONE: "a" }, "parameters.ZONE"],
  ["no choice", { REGION: "asia" }, "parameters.REGION"],
  ["of another type", { REGION: "eu", COUNT: "3" }, "parameters.COUNT"],
  ["out of bounds", { REGION: "eu", COUNT: 11 }, "parameters.COUNT"],
  ["not to be held by an environment", { REGION: "eu", NOTE: "a\0b" }, "parameters.NOTE"],
])("a parameter that is %s is refused, and nothing is stored", async (_, parameters, field) => {
  const name = await saved();
  const response = await post("/v1/job/run", { name, parameters });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: "parameters-invalid", field } });
  expect(await stack.client.listRuns({ job: name })).toEqual([]);
});

test("a pattern that takes ages does not hold up the server", async () => {
  const name = freshName();
  const parameters: Parameter[] = [{ name: "NOTE", type: "text", pattern: "(a+)+" }];
  await stack.client.saveJob(name, { task: { script: "echo", on: "alpha", parameters } });
  const given = { parameters: { NOTE: `${"a".repeat(60)}!` } };
  const error = await stack.client.runJob(name, given).catch((one: unknown) => one);
  expect(error).toMatchObject({ code: "parameters-invalid", message: expect.stringContaining("too long") as string });
  expect((await stack.client.runJob(name, { parameters: { NOTE: "aaa" } })).view.parameters).toEqual({ NOTE: "aaa" });
});

test.each<[string, object, string]>([
  ["whose environment sets a parameter as well", { env: { REGION: "eu" } }, "task.env.REGION"],
  ["with a variable that is too long", { env: { A: "x".repeat(200_000) } }, "task.env.A"],
  ["with two parameters of one name", { parameters: [DECLARED[0], DECLARED[0]] }, "task.parameters.1.name"],
  [
    "with a parameter that has a wrong default",
    { parameters: [{ ...DECLARED[1], default: 0 }] },
    "task.parameters.0.default",
  ],
])("a task %s is refused, and the field named", async (_, change, field) => {
  const name = freshName();
  const task = { script: KEEP, on: "alpha", parameters: DECLARED, ...change };
  const response = await post("/v1/job", { name, task });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: "invalid-request", field } });
  await expect(stack.client.getJob(name)).rejects.toMatchObject({ code: "job-unknown" });
});

test("a schedule, which gives no parameters, needs defaults of those that are required", async () => {
  const name = await saved();
  const schedules = [{ id: "night", cron: "0 3 * * *" }];
  const error = await stack.client.saveJob(name, { schedules }).catch((one: unknown) => one);
  expect(error).toMatchObject({ code: "invalid-request", field: "schedules" });
  await stack.client.saveJob(name, { schedules, task: { script: KEEP, on: "alpha", parameters: DECLARED.slice(1) } });
});

test("a job shows its parameters and the JSON Schema of what they may be", async () => {
  const name = await saved();
  const { task } = await stack.client.getJob(name);
  expect(task).toMatchObject({ script: KEEP, env: { LEVEL: "info" }, parameters: DECLARED });
  expect(task?.env).toEqual({ LEVEL: "info" });
  expect(task?.parametersSchema).toMatchObject({
    type: "object",
    required: ["REGION"],
    properties: { COUNT: { type: "integer", minimum: 1, maximum: 10, default: 3 } },
  });
});

test("the command line gives them by name, each as its type", async () => {
  const name = await saved();
  const { exitCode, stdout, stderr } = await jobs(
    "run",
    name,
    "-P",
    "REGION=us",
    "-P",
    "COUNT=7",
    "-P",
    "DRY_RUN=true",
  );
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(await seen(stdout.trim())).toMatchObject({ REGION: "us", COUNT: "7", DRY_RUN: "true" });
  expect((await jobs("status", stdout.trim())).stdout).toContain("REGION=us");
  const wrong = await jobs("run", name, "-P", "REGION=us", "-P", "COUNT=many");
  expect(wrong).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("COUNT") as string });
  expect((await jobs("job", name)).stdout).toMatch(/REGION: choice eu\|us, required: Where to\./);
});

test("the command line changes where and how a task runs, and leaves its script and parameters as they are", async () => {
  const name = await saved();
  expect(await jobs("job", name, "--on-any", "!gpu", "-e", "LEVEL=debug")).toMatchObject({ exitCode: 0, stderr: "" });
  const { task } = await stack.client.getJob(name);
  expect(task).toMatchObject({ script: KEEP, on: { any: "!gpu" }, env: { LEVEL: "debug" }, parameters: DECLARED });
  const run = await stack.client.runJob(name, { parameters: { REGION: "eu" } });
  expect(await seen(run.id)).toMatchObject({ REGION: "eu", LEVEL: "debug" });
});

test("a long script and its parameters are kept by their hash", async () => {
  const name = await saved({ script: `${KEEP}\n#${" filler".repeat(3_000)}` });
  const run = await stack.client.runJob(name, { parameters: { REGION: "eu", NOTE: "x" } });
  expect(await seen(run.id)).toMatchObject({ REGION: "eu", NOTE: "x" });
  expect((await stack.client.getJob(name)).task?.script).toContain("filler");
});
