/** Jobs as they are listed, deleted, applied from files and exported. */
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
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

/** The command line's error. */
async function errorOf(...args: string[]): Promise<unknown> {
  const { exitCode, stderr } = await runCli(stack, ...args, "--json");
  return { exitCode, ...(JSON.parse(stderr) as { error: object }).error };
}

async function send(method: string, path: string, body?: object) {
  const response = await fetch(`${stack.servers[0]?.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
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

test("a job is deleted, and its history stays: no schedule fires any more, its keys are known, a later job begins anew", async () => {
  const name = freshName("a/b ..");
  const [one, two] = stack.servers.map((server) => stack.clientOf(server));
  if (one === undefined || two === undefined) throw new Error("there are two servers");
  await one.saveJob(name, { task: TASK, policy: { overlap: "queue" } });
  const run = await one.runJob(name, {}, {});
  const keyed = await one.submitJob({ name, ...TASK, key: "once" });
  for (const each of [run, keyed]) await each.result();
  await one.pauseJob(name);
  await one.saveJob(name, { schedules: [{ id: "main", every: { ms: 1_000 } }] });
  const slots = async () => (await two.listRuns({ job: name, limit: 500 })).filter(({ slot }) => slot !== undefined);
  // While it is paused its slots are skipped: one range, which is open when the job goes.
  await expect.poll(async () => (await slots())[0]?.slot?.count ?? 0, { timeout: 15_000 }).toBeGreaterThan(1);
  await two.deleteJob(name);
  expect(await two.getJob(name)).toEqual({ job: name, policy: {}, runs: expect.anything() as unknown });
  await expect.poll(async () => (await slots()).map(({ times }) => times.settledAt !== undefined)).toEqual([true]);
  expect((await two.listJobs({ limit: 500 })).map(({ job }) => job)).not.toContain(name);
  const [before] = await slots();
  await expect(two.runJob(name)).rejects.toMatchObject({ code: "task-missing" });
  await expect(one.submitJob({ name, ...TASK, key: "once" })).resolves.toMatchObject({ id: keyed.id });
  await expect(one.deleteJob(name)).rejects.toMatchObject({ code: "job-unknown", field: "name" });
  expect(await one.listAudit(1)).toMatchObject([{ action: "delete", job: name, by: "tester" }]);
  const again = await two.saveJob(name, { task: TASK, schedules: [{ id: "main", every: { ms: 1_000 } }] });
  expect(again).toMatchObject({ policy: {} });
  expect(again.paused).toBeUndefined();
  await expect.poll(async () => (await slots()).length, { timeout: 15_000 }).toBeGreaterThan(2);
  await one.saveJob(name, { schedules: [] });
  const all = await slots();
  expect(all.filter(({ state }) => state === "skipped")).toEqual([before]);
  const last = Date.parse(before?.slot?.until ?? "");
  for (const { slot } of all.slice(0, -1)) expect(Date.parse(slot?.at ?? "")).toBeGreaterThan(last);
}, 60_000);

test("a job with its history is deleted: its runs are unknown to every server, a key is free again, the host keeps nothing", async () => {
  const name = freshName();
  const [one, two] = stack.servers.map((server) => stack.clientOf(server));
  if (one === undefined || two === undefined) throw new Error("there are two servers");
  await one.saveJob(name, { task: TASK });
  const other = await one.submitJob({ name: `${name} other`, ...TASK });
  // Its host's last beat before the deletion says that it runs.
  const end = join(stack.directory, "end");
  const script = `until [ -e ${end} ]; do sleep 0.05; done`;
  const first = await one.submitJob({ name, ...TASK, script, key: "once" });
  await expect.poll(async () => (await one.getRun(first.id)).state).toBe("running");
  const runningAtMs = Date.now();
  const lastBeatMs = async (): Promise<number> => Date.parse((await one.listAgents())[0]?.lastBeatAt ?? "");
  await expect.poll(lastBeatMs, { timeout: 15_000 }).toBeGreaterThan(runningAtMs);
  await writeFile(end, "");
  for (const each of [first, other]) await each.result();
  expect(await runCli(stack, "job", "delete", name, "--history")).toMatchObject({ exitCode: 0 });
  for (const client of [one, two]) {
    await expect.poll(() => client.listRuns({ job: name })).toEqual([]);
    await expect(client.getRun(first.id)).rejects.toMatchObject({ code: "run-unknown" });
    await expect(client.getJob(name)).rejects.toMatchObject({ code: "job-unknown" });
    expect(await client.getRun(other.id)).toMatchObject({ state: "completed" });
  }
  expect((await one.listAudit(2)).map(({ action }) => action)).toEqual(["delete-history", "delete"]);
  const again = await two.submitJob({ name, ...TASK, key: "once" });
  expect(again.known).toBe(false);
  expect(again.id).not.toBe(first.id);
  await expect(one.submitJob({ name, ...TASK, key: "once" })).resolves.toMatchObject({ id: again.id, known: true });
  expect(await again.result()).toMatchObject({ state: "completed" });
  // What is left is history alone.
  await two.deleteJob(name, { history: "delete" });
  await expect(two.getRun(again.id)).rejects.toMatchObject({ code: "run-unknown" });
  const third = await stack.startServer();
  await expect(stack.clientOf(third).getRun(again.id)).rejects.toMatchObject({ code: "run-unknown" });
  expect(await stack.clientOf(third).listRuns({ job: name })).toEqual([]);
  const left = async (): Promise<unknown> => {
    const files = await readdir(join(stack.directory, "artifacts"), { recursive: true });
    return [first, again, other].map(({ id }) => files.some((path) => path.includes(id)));
  };
  await expect.poll(left, { timeout: 10_000 }).toEqual([false, false, true]);
}, 60_000);

test("what several people say of a job at the same time is all said: nobody overwrites what he has not read", async () => {
  const name = freshName();
  const [one, two] = stack.servers.map((server) => stack.clientOf(server));
  if (one === undefined || two === undefined) throw new Error("there are two servers");
  const { updatedAt } = await one.saveJob(name, { task: TASK, ifUpdatedAt: null });
  const ids = ["a", "b", "c"];
  const set = ids.map((id) => runCli(stack, "schedule", name, "--id", id, "--cron", "@daily"));
  for (const { exitCode } of await Promise.all(set)) expect(exitCode).toBe(0);
  const { schedules } = await one.getJob(name);
  expect(schedules?.map(({ schedule }) => schedule.id).toSorted()).toEqual(ids);
  const policy = { queueLimit: 3 };
  for (const client of [one, two])
    await expect(client.saveJob(name, { policy, ifUpdatedAt: updatedAt ?? null })).rejects.toMatchObject({
      code: "job-changed",
      field: "ifUpdatedAt",
    });
  const now = (await two.getJob(name)).updatedAt ?? null;
  expect(await two.saveJob(name, { policy, ifUpdatedAt: now, dryRun: true })).toMatchObject({ policy });
  expect(await two.saveJob(name, { policy, ifUpdatedAt: now })).toMatchObject({ policy, task: { agent: "alpha" } });
});

test("a job is not deleted while a run of it lives, nor one that there is not", async () => {
  const name = freshName();
  await stack.client.saveJob(name, { task: LONG });
  const live = await stack.client.runJob(name);
  for (const history of ["keep", "delete"] as const)
    await expect(stack.client.deleteJob(name, { history })).rejects.toMatchObject({
      code: "job-busy",
      field: "name",
      details: { run: live.id },
    });
  expect(await errorOf("job", "delete", name)).toMatchObject({
    exitCode: 75,
    code: "job-busy",
    details: { run: live.id },
  });
  expect(await stack.client.getJob(name)).toMatchObject({ task: { script: LONG.script } });
  await live.cancel();
  await live.result();
  const path = `/v1/jobs/${encodeURIComponent(name)}`;
  expect(await send("DELETE", `${path}?history=some`)).toMatchObject({ status: 400, field: "history" });
  expect(await send("DELETE", `${path}?more=1`)).toMatchObject({ status: 400, code: "invalid-request", field: "more" });
  expect(await send("DELETE", `${path}?history=delete`)).toEqual({ status: 200 });
  await stack.client.saveJob(name, { task: TASK });
  expect(await send("DELETE", path, { history: "delete" })).toMatchObject({ status: 400, field: "history" });
  expect(await stack.client.getJob(name)).toMatchObject({ job: name });
  expect(await send("DELETE", path)).toEqual({ status: 200 });
  expect(await send("DELETE", path)).toMatchObject({ status: 404, code: "job-unknown", field: "name" });
  expect(await send("DELETE", "/v1/jobs/%20")).toMatchObject({ status: 400, code: "name-invalid", field: "name" });
  await stack.client.saveJob("..", { task: TASK });
  await stack.client.deleteJob("..");
  await expect(stack.client.deleteJob("..")).rejects.toMatchObject({ code: "job-unknown" });
}, 60_000);

test("a save that is only tried says how the job would be, and stores nothing; a set has a name", async () => {
  const name = freshName();
  const schedules = [{ id: "night", cron: "30 2 * * *" }];
  const would = await stack.client.saveJob(name, { task: TASK, schedules, appliedFrom: "web", dryRun: true });
  expect(would).toMatchObject({
    task: { on: "alpha", interpreter: ["bash"] },
    schedules: [{ next: [{}, {}, {}] }],
    appliedFrom: "web",
  });
  await expect(stack.client.getJob(name)).rejects.toMatchObject({ code: "job-unknown" });
  await expect(stack.client.saveJob(name, { schedules, dryRun: true })).rejects.toMatchObject({ field: "schedules" });
  for (const appliedFrom of ["", "x".repeat(65), "a\nb"])
    expect(await send("POST", "/v1/job", { name, task: TASK, appliedFrom })).toMatchObject({
      status: 400,
      code: "invalid-request",
      field: "appliedFrom",
    });
  expect(await send("POST", "/v1/job", { name, task: TASK, dryRun: "yes" })).toMatchObject({
    status: 400,
    field: "dryRun",
  });
  await expect(stack.client.getJob(name)).rejects.toMatchObject({ code: "job-unknown" });
});
