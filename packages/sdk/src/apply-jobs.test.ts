import type { JobsError, JobView } from "@jobs/core";
import { expect, test } from "vitest";
import { connect } from "./index.ts";
import { startContractServer, type Answer, type Request } from "./testing/index.ts";

const AT = "2026-03-01T12:00:00.000Z";

/** A server with the job `old` of the set; what it is told of `bad` is wrong, and `busy` cannot be saved or deleted. */
function answer({ method, path, query, body }: Request): Answer {
  const name = (body?.["name"] as string | undefined) ?? query.get("name") ?? "";
  const refused = (code: string, field: string): Answer => ({
    status: 400,
    body: { error: { code, message: "It is wrong.", field } },
  });
  if (path === "/v1/jobs" && method === "GET") {
    const jobs = ["busy", "old"].map((job) => ({ job, schedules: 0, next: [], liveRuns: 0 }));
    return { body: { jobs } };
  }
  if (method === "DELETE")
    return path.endsWith("busy") ? refused("job-busy", "name") : { body: { job: "old", history: "keep" } };
  if (method === "GET") return refused("job-unknown", "name");
  if (name.startsWith("bad"))
    return refused("invalid-request", name.endsWith("2") ? "task.script" : "schedules.1.cron");
  if (name === "busy save" && body?.["dryRun"] !== true) return refused("store-unavailable", "name");
  const view: JobView = { job: name, policy: {}, appliedFrom: String(body?.["appliedFrom"]), updatedAt: AT, runs: [] };
  return { body: view };
}

async function startServer() {
  const server = await startContractServer({ answer });
  const written = (): string[] =>
    server.requests
      .filter(({ method, body }) => method === "DELETE" || (body !== undefined && body["dryRun"] !== true))
      .map(({ method, path, body }) => (method === "DELETE" ? path : String(body?.["name"])));
  return Object.assign(server, { written, client: connect({ url: server.url, token: server.token }) });
}

test("all of it is checked before any of it is stored, and all that is wrong is said", async () => {
  await using server = await startServer();
  const { client } = server;
  const error = await client
    .applyJobs({ good: {}, bad: {}, "bad 2": {} }, { prune: true })
    .catch((one: unknown) => one);
  expect(error).toMatchObject({
    code: "invalid-request",
    field: "jobs.bad.schedules[1].cron",
    details: {
      problems: [
        { job: "bad", path: ["schedules", 1, "cron"] },
        { field: "jobs.bad 2.task.script", job: "bad 2", path: ["task", "script"] },
      ],
    },
  });
  await expect(client.applyJobs({ a: {}, " a": {} })).rejects.toMatchObject({ field: "jobs. a" });
  expect(server.written()).toEqual([]);
});

test("the plan is told first; what fails of it harms no other, and says why", async () => {
  await using server = await startServer();
  const plans: string[] = [];
  const done = await server.client.applyJobs(
    { a: {}, "busy save": {}, b: { policy: { overlap: "queue" } } },
    {
      set: "web",
      prune: true,
      onPlan: (plan) => {
        expect(server.written()).toEqual([]);
        plans.push(...plan.map(({ job, kind }) => `${job} ${kind}`));
      },
    },
  );
  expect(plans).toEqual(["a added", "busy save added", "b added", "busy pruned", "old pruned"]);
  expect(done.map(({ error }) => error?.code)).toEqual([
    undefined,
    "store-unavailable",
    undefined,
    "job-busy",
    undefined,
  ]);
  expect(server.written()).toEqual(["a", "busy save", "b", "/v1/jobs/busy", "/v1/jobs/old"]);
  const saved = server.requests.findLast(({ body }) => body?.["name"] === "b")?.body;
  expect(saved).toEqual({ name: "b", task: null, schedules: [], policy: { overlap: "queue" }, appliedFrom: "web" });
});

test("a dry run writes nothing; without prune what is left of the set is kept", async () => {
  await using server = await startServer();
  const dry = await server.client.applyJobs({ a: {}, old: {} }, { dryRun: true, prune: true });
  expect(dry.map(({ job, kind }) => `${job} ${kind}`)).toEqual(["a added", "old added", "busy pruned"]);
  expect(server.written()).toEqual([]);
  const kept = await server.client.applyJobs({ old: {} });
  expect(kept).toMatchObject([{ job: "old" }, { job: "busy", kind: "kept" }]);
  expect(server.written()).toEqual(["old"]);
});

test("what is no map of jobs, no job, or no field of one is refused, and nothing is asked or deleted", async () => {
  await using server = await startServer();
  const apply = (jobs: unknown) => server.client.applyJobs(jobs as Record<string, object>, { prune: true });
  const script = { task: { script: "true" } };
  const error = await apply({
    a: { ...script, schedule: [], appliedFrom: "x" },
    b: null,
    c: [],
    good: {},
    d: undefined,
  }).catch((one: unknown) => one);
  expect(error).toMatchObject({ code: "invalid-request", field: "jobs.a.schedule" });
  expect((error as JobsError).details?.["problems"]).toMatchObject(
    ["jobs.a.schedule", "jobs.a.appliedFrom", "jobs.b", "jobs.c", "jobs.d"].map((field) => ({ field })),
  );
  for (const jobs of [[{ name: "a", ...script }], new Map([["a", script]]), null, undefined, "a"])
    await expect(apply(jobs)).rejects.toMatchObject({ code: "invalid-request", field: "jobs" });
  expect(server.requests).toEqual([]);
});
