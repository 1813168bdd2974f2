import { afterAll, beforeAll, expect, test } from "vitest";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

async function call(path: string, body: unknown): Promise<{ status: number; code?: string; field?: string }> {
  const response = await fetch(`${stack.servers[0]?.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
  });
  const { error } = (await response.json()) as { error?: { code: string; field?: string } };
  return { status: response.status, ...error };
}

const submission = { name: "bad operations", script: "echo", on: "alpha" };
const NONE = "nosuchrun0000";

interface BadCall {
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  readonly code: string;
  readonly field: string;
}

test.each<[string, BadCall]>([
  [
    "an overlap policy that there is not",
    {
      path: "/v1/runs",
      body: { ...submission, overlap: "sometimes" },
      status: 400,
      code: "invalid-request",
      field: "overlap",
    },
  ],
  [
    "a queue of nobody",
    {
      path: "/v1/runs",
      body: { ...submission, queueLimit: 0 },
      status: 400,
      code: "invalid-request",
      field: "queueLimit",
    },
  ],
  [
    "a queue without an end",
    {
      path: "/v1/runs",
      body: { ...submission, queueLimit: 1_001 },
      status: 400,
      code: "invalid-request",
      field: "queueLimit",
    },
  ],
  [
    "half a place in the queue",
    {
      path: "/v1/runs",
      body: { ...submission, queueLimit: 1.5 },
      status: 400,
      code: "invalid-request",
      field: "queueLimit",
    },
  ],
  [
    "no time to wait",
    {
      path: "/v1/runs",
      body: { ...submission, waitAtMostMs: 0 },
      status: 400,
      code: "invalid-request",
      field: "waitAtMostMs",
    },
  ],
  [
    "lost sooner than a licence ends",
    {
      path: "/v1/runs",
      body: { ...submission, lostAfterMs: 60_000 },
      status: 400,
      code: "invalid-request",
      field: "lostAfterMs",
    },
  ],
  [
    "a grace of an hour",
    {
      path: "/v1/runs",
      body: { ...submission, graceMs: 3_600_000 },
      status: 400,
      code: "invalid-request",
      field: "graceMs",
    },
  ],
  [
    "another end of a lost run",
    {
      path: "/v1/runs",
      body: { ...submission, onLost: "forget" },
      status: 400,
      code: "invalid-request",
      field: "onLost",
    },
  ],
  [
    "a hold that is no yes or no",
    { path: "/v1/runs", body: { ...submission, hold: "yes" }, status: 400, code: "invalid-request", field: "hold" },
  ],
  ["a hold of no run", { path: `/v1/runs/${NONE}/hold`, body: {}, status: 404, code: "run-unknown", field: "run" }],
  [
    "a release of no run",
    { path: `/v1/runs/${NONE}/release`, body: {}, status: 404, code: "run-unknown", field: "run" },
  ],
  [
    "a resolution of no run",
    { path: `/v1/runs/${NONE}/resolve`, body: {}, status: 404, code: "run-unknown", field: "run" },
  ],
  [
    "a note without an end",
    {
      path: `/v1/runs/${NONE}/resolve`,
      body: { note: "x".repeat(1_001) },
      status: 400,
      code: "invalid-request",
      field: "note",
    },
  ],
  [
    "a repetition of no run",
    { path: `/v1/runs/${NONE}/rerun`, body: {}, status: 404, code: "run-unknown", field: "run" },
  ],
  [
    "a repetition under another name",
    { path: `/v1/runs/${NONE}/rerun`, body: { name: "other" }, status: 400, code: "invalid-request", field: "name" },
  ],
  ["an id that is none", { path: "/v1/runs/A/hold", body: {}, status: 400, code: "invalid-request", field: "run" }],
  [
    "a job without a name",
    { path: "/v1/job", body: { name: " ", policy: {} }, status: 400, code: "name-invalid", field: "name" },
  ],
  [
    "a job of which nothing is said",
    { path: "/v1/job", body: { name: "j" }, status: 400, code: "invalid-request", field: "policy" },
  ],
  [
    "a policy with a field that there is not",
    {
      path: "/v1/job",
      body: { name: "j", policy: { colour: 1 } },
      status: 400,
      code: "invalid-request",
      field: "policy.colour",
    },
  ],
  [
    "a policy with a wrong value",
    {
      path: "/v1/job",
      body: { name: "j", policy: { graceMs: -1 } },
      status: 400,
      code: "invalid-request",
      field: "policy.graceMs",
    },
  ],
  ["a job that there is not", { path: "/v1/job?name=never", status: 404, code: "job-unknown", field: "name" }],
  [
    "a pause of a job that there is not",
    { path: "/v1/job/pause", body: { name: "never" }, status: 404, code: "job-unknown", field: "name" },
  ],
  [
    "a resume of a job that there is not",
    { path: "/v1/job/resume", body: { name: "never" }, status: 404, code: "job-unknown", field: "name" },
  ],
  [
    "a pause with what there is not",
    { path: "/v1/pause", body: { until: "noon" }, status: 400, code: "invalid-request", field: "until" },
  ],
  ["an audit of nothing", { path: "/v1/audit?limit=0", status: 400, code: "invalid-request", field: "limit" }],
])("%s: a clear error that names the field, and nothing stored", async (_, { path, body, ...error }) => {
  expect(await call(path, body)).toMatchObject(error);
  const { client } = stack;
  expect([await client.listRuns(), await client.listAudit(), await client.getPause()]).toEqual([[], [], undefined]);
  await expect(client.getJob("j")).rejects.toMatchObject({ code: "job-unknown" });
});

test("a policy that is wrong as a whole changes nothing of the job that there is", async () => {
  const name = freshName();
  await stack.client.saveJob(name, { policy: { overlap: "queue" } });
  expect(await call("/v1/job", { name, policy: { overlap: "replace", graceMs: -1 } })).toMatchObject({ status: 400 });
  expect(await stack.client.getJob(name)).toMatchObject({ policy: { overlap: "queue" } });
});
