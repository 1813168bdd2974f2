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

test.each<[string, string, unknown, number, string, string | undefined]>([
  [
    "an overlap policy that there is not",
    "/v1/runs",
    { ...submission, overlap: "sometimes" },
    400,
    "invalid-request",
    "overlap",
  ],
  ["a queue of nobody", "/v1/runs", { ...submission, queueLimit: 0 }, 400, "invalid-request", "queueLimit"],
  ["a queue without an end", "/v1/runs", { ...submission, queueLimit: 1_001 }, 400, "invalid-request", "queueLimit"],
  ["half a place in the queue", "/v1/runs", { ...submission, queueLimit: 1.5 }, 400, "invalid-request", "queueLimit"],
  ["no time to wait", "/v1/runs", { ...submission, waitAtMostMs: 0 }, 400, "invalid-request", "waitAtMostMs"],
  [
    "lost sooner than a licence ends",
    "/v1/runs",
    { ...submission, lostAfterMs: 60_000 },
    400,
    "invalid-request",
    "lostAfterMs",
  ],
  ["a grace of an hour", "/v1/runs", { ...submission, graceMs: 3_600_000 }, 400, "invalid-request", "graceMs"],
  ["another end of a lost run", "/v1/runs", { ...submission, onLost: "forget" }, 400, "invalid-request", "onLost"],
  ["a hold that is no yes or no", "/v1/runs", { ...submission, hold: "yes" }, 400, "invalid-request", "hold"],
  ["a hold of no run", `/v1/runs/${NONE}/hold`, {}, 404, "run-unknown", "run"],
  ["a release of no run", `/v1/runs/${NONE}/release`, {}, 404, "run-unknown", "run"],
  ["a resolution of no run", `/v1/runs/${NONE}/resolve`, {}, 404, "run-unknown", "run"],
  ["a note without an end", `/v1/runs/${NONE}/resolve`, { note: "x".repeat(1_001) }, 400, "invalid-request", "note"],
  ["a repetition of no run", `/v1/runs/${NONE}/rerun`, {}, 404, "run-unknown", "run"],
  ["a repetition under another name", `/v1/runs/${NONE}/rerun`, { name: "other" }, 400, "name-invalid", "name"],
  ["an id that is none", "/v1/runs/A/hold", {}, 400, "invalid-request", "run"],
  ["a job without a name", "/v1/job", { name: " ", policy: {} }, 400, "name-invalid", "name"],
  ["a job without a policy", "/v1/job", { name: "j" }, 400, "invalid-request", "policy"],
  [
    "a policy with a field that there is not",
    "/v1/job",
    { name: "j", policy: { colour: 1 } },
    400,
    "invalid-request",
    "policy",
  ],
  ["a policy with a wrong value", "/v1/job", { name: "j", policy: { graceMs: -1 } }, 400, "invalid-request", "policy"],
  ["a job that there is not", "/v1/job?name=never", undefined, 404, "job-unknown", "name"],
  ["a pause of a job that there is not", "/v1/job/pause", { name: "never" }, 404, "job-unknown", "name"],
  ["a resume of a job that there is not", "/v1/job/resume", { name: "never" }, 404, "job-unknown", "name"],
  ["a pause with what there is not", "/v1/pause", { until: "noon" }, 400, "invalid-request", "until"],
  ["an audit of nothing", "/v1/audit?limit=0", undefined, 400, "invalid-request", "limit"],
])("%s: a clear error that names the field, and nothing stored", async (_, path, body, status, code, field) => {
  expect(await call(path, body)).toMatchObject({ status, code, ...(field === undefined ? {} : { field }) });
  const { client } = stack;
  expect([await client.listRuns(), await client.listAudit(), await client.getPause()]).toEqual([[], [], undefined]);
  await expect(client.getJob("j")).rejects.toMatchObject({ code: "job-unknown" });
});

test("a policy that is wrong as a whole changes nothing of the job that there is", async () => {
  const name = freshName();
  await stack.client.saveJob(name, { overlap: "queue" });
  expect(await call("/v1/job", { name, policy: { overlap: "replace", graceMs: -1 } })).toMatchObject({ status: 400 });
  expect(await stack.client.getJob(name)).toMatchObject({ policy: { overlap: "queue" } });
});
