import { afterAll, beforeAll, expect, test } from "vitest";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  readonly message: string;
}

async function post(body: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${stack.servers[0]?.url}/v1/runs`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}`, ...headers },
  });
  const { error } = (await response.json()) as { error?: { code: string; field?: string; message: string } };
  return { status: response.status, code: error?.code ?? "none", field: error?.field, message: error?.message ?? "" };
}

const good = { name: "bad input", script: "echo hi", on: "alpha" };
interface BadInput {
  readonly change: Record<string, unknown>;
  readonly status: number;
  readonly code: string;
  readonly field: string;
}
const cases: readonly (readonly [string, BadInput])[] = [
  ["no script", { change: { script: undefined }, status: 400, code: "script-missing", field: "script" }],
  ["an empty script", { change: { script: "" }, status: 400, code: "script-empty", field: "script" }],
  ["a script of white space", { change: { script: " \n\t" }, status: 400, code: "script-empty", field: "script" }],
  [
    "a script over 1 MiB",
    { change: { script: `#${"x".repeat(1024 * 1024)}` }, status: 413, code: "script-too-large", field: "script" },
  ],
  [
    "a script over 1 MiB of UTF-8 that has fewer characters",
    { change: { script: `#${"é".repeat(600 * 1024)}` }, status: 413, code: "script-too-large", field: "script" },
  ],
  [
    "a script so large that the body is refused",
    { change: { script: "x".repeat(9 * 1024 * 1024) }, status: 413, code: "script-too-large", field: "script" },
  ],
  ["a script with NUL bytes", { change: { script: "echo \0" }, status: 400, code: "script-has-nul", field: "script" }],
  [
    "a bash script with a syntax error",
    { change: { script: "if true; then echo" }, status: 422, code: "script-syntax", field: "script" },
  ],
  [
    "a sh script with a syntax error",
    { change: { script: "#!/bin/sh\ncase x in" }, status: 422, code: "script-syntax", field: "script" },
  ],
  [
    "an interpreter that is missing on the host",
    {
      change: { script: "#!/usr/bin/env no-such-interpreter\n1" },
      status: 422,
      code: "interpreter-missing",
      field: "script",
    },
  ],
  [
    "an interpreter by path that is missing on the host",
    {
      change: { script: "#!/usr/bin/no-such-interpreter\n1" },
      status: 422,
      code: "interpreter-missing",
      field: "script",
    },
  ],
  [
    "an interpreter given that is missing on the host",
    {
      change: { interpreter: ["no-such-interpreter"] },
      status: 422,
      code: "interpreter-missing",
      field: "interpreter",
    },
  ],
  ["an unknown agent", { change: { on: "nobody" }, status: 422, code: "agent-unknown", field: "on" }],
  ["no name", { change: { name: undefined }, status: 400, code: "name-invalid", field: "name" }],
  ["an empty name", { change: { name: "" }, status: 400, code: "name-invalid", field: "name" }],
  ["a name of white space", { change: { name: "   " }, status: 400, code: "name-invalid", field: "name" }],
  ["a name of 129 characters", { change: { name: "n".repeat(129) }, status: 400, code: "name-invalid", field: "name" }],
  [
    "a name with a control character",
    { change: { name: "a\u0007b" }, status: 400, code: "name-invalid", field: "name" },
  ],
  ["a field that is not known", { change: { nmae: "x" }, status: 400, code: "invalid-request", field: "nmae" }],
  [
    "an environment that sets JOBS_RUN",
    { change: { env: { JOBS_RUN: "x" } }, status: 400, code: "invalid-request", field: "env.JOBS_RUN" },
  ],
  [
    "a variable that no host could hand to a script",
    { change: { env: { OK: "1", A: "a\0b" } }, status: 400, code: "invalid-request", field: "env.A" },
  ],
  [
    "a day that does not exist",
    { change: { at: "2027-02-30T02:30:00Z" }, status: 400, code: "invalid-request", field: "at" },
  ],
  [
    "an overlap policy that is not known",
    { change: { overlap: "sometimes" }, status: 400, code: "invalid-request", field: "overlap" },
  ],
  ["an empty key", { change: { key: "" }, status: 400, code: "key-invalid", field: "key" }],
];

test.each(cases)(
  "%s is refused with a stable code that names the field, and nothing is stored",
  async (_, { change, status, code, field }) => {
    const answer = await post(JSON.stringify({ ...good, ...change }));
    expect(answer).toMatchObject({ status, code, field });
    expect(answer.message.length).toBeGreaterThan(20);
    expect(await storedRuns()).toBe(0);
  },
);

test("a body that is not JSON is refused", async () => {
  expect(await post("{")).toMatchObject({ status: 400, code: "body-not-json" });
  expect(await post("")).toMatchObject({ status: 400, code: "body-not-json" });
  expect(await post("name=x", { "content-type": "application/x-www-form-urlencoded" })).toMatchObject({
    status: 400,
    code: "body-not-json",
  });
  expect(await post("[]")).toMatchObject({ status: 400 });
  expect(await storedRuns()).toBe(0);
});

test("a wrong token and no token are refused, over HTTP and over the WebSocket", async () => {
  expect(await post(JSON.stringify(good), { authorization: "Bearer wrong" })).toMatchObject({
    status: 401,
    code: "unauthenticated",
  });
  expect(await post(JSON.stringify(good), { authorization: "" })).toMatchObject({
    status: 401,
    code: "unauthenticated",
  });
  const follow = await fetch(`${stack.servers[0]?.url}/v1/runs/00000000000000000000/follow`, {
    headers: { authorization: "Bearer wrong" },
  });
  expect(follow.status).toBe(404); // without an upgrade there is no such path
  expect(await storedRuns()).toBe(0);
});

test("an unknown run, path and method are told apart from a wrong token", async () => {
  await expect(stack.client.getRun("zzzzzzzzzzzzzzzzzzzzz")).rejects.toMatchObject({ code: "run-unknown" });
  const response = await fetch(`${stack.servers[0]?.url}/v1/nothing`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { code: "operation-unknown" } });
});

test.each([
  "with spaces",
  "a/b/c",
  "a.b.c",
  "*",
  ">",
  "_mark",
  "🚀 émoji 日本",
  "=3D",
  "n".repeat(128),
  "🚀".repeat(128),
])("a job may be named %s", async (name) => {
  const run = await stack.client.submitJob({ name, script: "echo ok", on: "alpha" });
  expect(await run.result()).toMatchObject({ state: "completed", exitCode: 0 });
  const [listed] = await stack.client.listRuns({ job: name });
  expect(listed).toMatchObject({ job: name, run: run.id });
});

test("the same name in another Unicode form, or with white space around it, is the same job", async () => {
  const name = freshName("é".normalize("NFC"));
  const run = await stack.client.submitJob({ name, script: "read -t 20 < <(sleep 20)", on: "alpha" });
  const same = ` ${name.normalize("NFD")} `;
  await expect(stack.client.submitJob({ name: same, script: "echo", on: "alpha" })).rejects.toMatchObject({
    code: "job-busy",
  });
  await run.cancel();
  expect(await run.result()).toMatchObject({ state: "cancelled" });
});

async function storedRuns(): Promise<number> {
  return (await stack.client.listRuns({ job: good.name })).length;
}
