import { JobsError } from "@jobs/core";
import { expect, test } from "vitest";
import { connect } from "./node.ts";
import { startContractServer, viewOf, type Answer } from "./testing/index.ts";

const INPUT = { name: "nightly", script: "echo hi" };
const accepted = { status: 201, body: { run: viewOf({ state: "pending" }), known: false } };
const failed = (status: number, code: string): Answer => ({ status, body: { error: { code, message: "No." } } });

test("a submission carries the token and a random key of 128 bits", async () => {
  await using server = await startContractServer({ answer: () => accepted });
  const jobs = connect(server);
  const one = await jobs.submitJob(INPUT);
  await jobs.submitJob(INPUT);
  expect(one).toMatchObject({ id: accepted.body.run.run, job: "nightly", known: false, view: { state: "pending" } });
  const [first, second] = server.requests;
  expect(first).toMatchObject({
    method: "POST",
    path: "/v1/runs",
    authorization: `Bearer ${server.token}`,
    body: INPUT,
  });
  expect(first?.body?.["key"]).toMatch(/^[0-9a-f]{32}$/);
  expect(first?.body?.["key"]).not.toBe(second?.body?.["key"]);
});

test("a submission whose answer is lost is sent again with the same key", async () => {
  const answers: Answer[] = [
    "cut",
    { status: 502, body: "bad gateway" },
    failed(503, "no-deciding-server"),
    failed(503, "store-unavailable"),
    accepted,
  ];
  await using server = await startContractServer({ answer: () => answers.shift() ?? "cut" });
  await connect(server).submitJob(INPUT);
  expect(server.requests).toHaveLength(5);
  expect(new Set(server.requests.map(({ body }) => body?.["key"])).size).toBe(1);
});

test("an error that the server gives is thrown at once with its code, field and details", async () => {
  const body = { error: { code: "job-busy", message: "Busy.", field: "name", details: { run: "abc" } } };
  await using server = await startContractServer({ answer: () => ({ status: 409, body }) });
  const error = await connect(server)
    .submitJob(INPUT)
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(JobsError);
  expect(error).toMatchObject({ code: "job-busy", message: "Busy.", field: "name", details: { run: "abc" } });
  expect(server.requests).toHaveLength(1);
});

test("when no answer comes in time the error names the key to submit again with", async () => {
  await using server = await startContractServer({ answer: () => "cut" });
  const submission = connect(server).submitJob({ ...INPUT, key: "mine" }, { timeoutMs: 400 });
  await expect(submission).rejects.toMatchObject({
    code: "server-unreachable",
    message: expect.stringContaining('"mine"'),
    details: { key: "mine" },
  });
  expect(server.requests.length).toBeGreaterThan(1);
});

test("a signal ends the tries with its reason", async () => {
  await using server = await startContractServer({ answer: () => "cut" });
  const controller = new AbortController();
  const submission = connect(server).submitJob(INPUT, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await expect(submission).rejects.toThrow("enough");
});

test("without address or token the error says what to set", () => {
  expect(() => connect({ token: "t" })).toThrow(
    expect.objectContaining({ code: "config-invalid", field: "url", message: expect.stringContaining("JOBS_URL") }),
  );
  expect(() => connect({ url: "http://x" })).toThrow(
    expect.objectContaining({ code: "config-invalid", field: "token", message: expect.stringContaining("JOBS_TOKEN") }),
  );
  expect(() => connect({ url: "x:1", token: "t" })).toThrow(expect.objectContaining({ code: "config-invalid" }));
});

test.each([
  [{ timeoutMs: NaN }, "timeoutMs"],
  [{ retry: { count: 1, backoff: { kind: "fixed" as const, delayMs: -Infinity } } }, "retry.backoff.delayMs"],
  [{ on: { any: "a", prefer: ["a", Infinity as never] } }, "on.prefer.1"],
  [{ priority: 5n as never }, "priority"],
])("a number that JSON has no word for is refused with its field: %o", async (more, field) => {
  await using server = await startContractServer({ answer: () => accepted });
  const jobs = connect(server);
  const refused = { code: "invalid-request", field, message: expect.stringContaining(field) as string };
  await expect(jobs.submitJob({ ...INPUT, ...more })).rejects.toMatchObject(refused);
  await expect(jobs.rerunRun("abcdefgh", more as object)).rejects.toMatchObject(refused);
  await expect(jobs.saveJob("a", { policy: more as object })).rejects.toMatchObject({ field: `policy.${field}` });
  const problem = { field: `jobs.a.policy.${field.replace(".1", "[1]")}` };
  await expect(jobs.applyJobs({ a: { policy: more as object } })).rejects.toMatchObject(problem);
  expect(server.requests.filter(({ method }) => method === "POST")).toEqual([]);
});

test("null is sent where it is said, and no submission at all is refused", async () => {
  await using server = await startContractServer({ answer: () => accepted });
  const jobs = connect(server);
  const said = { ...INPUT, script: '{"a":null}', lostAfterMs: null };
  await jobs.submitJob(said);
  expect(server.requests[0]?.body).toMatchObject(said);
  const around: { on?: unknown } = {};
  around.on = around;
  await expect(jobs.submitJob(around as never)).rejects.toMatchObject({ code: "invalid-request", field: "on.on" });
  for (const none of [null, undefined, 5, "a"])
    await expect(jobs.submitJob(none as never)).rejects.toMatchObject({ code: "invalid-request" });
  expect(server.requests).toHaveLength(1);
});

test("path and query are filled from the input", async () => {
  const view = viewOf();
  await using server = await startContractServer({
    answer: ({ method, path }) => ({
      body: path === "/v1/runs" ? { runs: [view] } : method === "GET" || path.endsWith("/cancel") ? view : {},
    }),
  });
  const jobs = connect({ url: `${server.url}/`, token: server.token });
  await jobs.listRuns({ job: "nightly & daily", limit: 3 });
  await jobs.getRun(view.run);
  await jobs.cancelRun(view.run);
  await expect(jobs.getRun("../agents")).rejects.toMatchObject({ code: "invalid-request" });
  expect(server.requests.map(({ method, path, query, body }) => [method, path, query.toString(), body])).toEqual([
    ["GET", "/v1/runs", "job=nightly+%26+daily&limit=3", undefined],
    ["GET", `/v1/runs/${view.run}`, "", undefined],
    ["POST", `/v1/runs/${view.run}/cancel`, "", undefined],
  ]);
});

test("an empty list in a filter is refused, not taken for all", async () => {
  await using server = await startContractServer({ answer: () => ({ body: { runs: [viewOf()] } }) });
  const jobs = connect(server);
  const refused = (field: string) => ({ code: "invalid-request", field });
  await expect(jobs.listRuns({ state: [] })).rejects.toMatchObject(refused("state"));
  await expect(jobs.countRuns({ job: "a", reason: [] })).rejects.toMatchObject(refused("reason"));
  await expect(jobs.eachRun({ state: [] }).next()).rejects.toMatchObject(refused("state"));
  expect(server.requests).toEqual([]);
});

test("an answer that is not of Jobs is an error, not a run", async () => {
  await using server = await startContractServer({ answer: () => ({ body: { hello: "world" } }) });
  await expect(connect(server).getRun("abcdefgh")).rejects.toMatchObject({ code: "internal" });
});
