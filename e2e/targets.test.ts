/** Where runs go, and which goes first. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunHandle, RunView } from "@jobs/sdk";
import { expect, test } from "vitest";
import { runCli } from "./support/cli.ts";
import { freshName, startStack, type Stack } from "./support/stack.ts";

const UNTIL = (file: string): string => `until [ -e ${file} ]; do sleep 0.05; done`;

function submitAny({ client }: Stack, any: string, more: object = {}): Promise<RunHandle> {
  return client.submitJob({ name: freshName(), script: "true", on: { any }, ...more });
}

async function hostOf(run: RunHandle): Promise<string> {
  return (await run.result()).on;
}

test("of runs that wait for a host the more urgent start first, of equal ones those that came first; what runs is not overtaken", async () => {
  await using stack = await startStack({ slots: 1, servers: 2 });
  const [client, other] = stack.servers.map((server) => stack.clientOf(server)) as [
    typeof stack.client,
    typeof stack.client,
  ];
  const go = join(stack.directory, "go");
  const order = join(stack.directory, "order");
  const first = await client.submitJob({ name: freshName(), script: UNTIL(go), on: "alpha", priority: 0 });
  const runs: RunHandle[] = [];
  for (const [index, priority] of [1, 5, 9, 5, 9, 1].entries()) {
    const script = `echo ${priority}-${index} >> ${order}`;
    runs.push(await (index % 2 === 0 ? client : other).submitJob({ name: freshName(), script, on: "alpha", priority }));
  }
  expect(await client.getRun(runs[2]!.id)).toMatchObject({ waitingFor: "slot", priority: 9 });
  await runCli(
    stack,
    "submit",
    "-n",
    freshName(),
    "-c",
    `echo 7-cli >> ${order}; touch ${order}.done`,
    "--priority",
    "7",
  );
  await writeFile(go, "");
  await first.result();
  for (const run of runs) expect(await run.result()).toMatchObject({ state: "completed" });
  expect((await readFile(order, "utf8")).trim().split("\n")).toEqual([
    "9-2",
    "9-4",
    "7-cli",
    "5-1",
    "5-3",
    "1-0",
    "1-5",
  ]);
});

test("a place that comes free goes by line, too, between the next run of the job that had it and runs of other jobs", async () => {
  await using stack = await startStack({ slots: 1 });
  const { client, directory } = stack;
  const [go, order] = [join(directory, "go"), join(directory, "order")];
  const name = freshName();
  const mark = (text: string): string => `echo ${text} >> ${order}`;
  const submit = (job: string, script: string, priority: number): Promise<RunHandle> =>
    client.submitJob({ name: job, script, on: "alpha", overlap: "queue", priority });
  const runs = [await submit(name, UNTIL(go), 5)];
  // Of the same job, then of another one, by turns: each is after the one before, but for the urgent ones.
  for (let index = 0; index < 6; index++)
    runs.push(await submit(index % 2 === 0 ? name : freshName(), mark(String(index)), 5));
  runs.push(await submit(freshName(), mark("urgent"), 7), await submit(name, mark("most-urgent"), 8));
  await writeFile(go, "");
  for (const run of runs) expect(await run.result()).toMatchObject({ state: "completed" });
  const started = (await readFile(order, "utf8")).trim().split("\n");
  expect(started).toEqual(["most-urgent", "urgent", "0", "1", "2", "3", "4", "5"]);
});

test("any: by labels, the preferred first, then the least loaded; each run says where it ran", async () => {
  await using stack = await startStack({
    agents: ["alpha", "beta", "gamma"],
    labels: { alpha: { role: "web", zone: "eu" }, beta: { role: "web", zone: "us" }, gamma: { role: "db" } },
  });
  const { client } = stack;
  expect(await hostOf(await submitAny(stack, "role=db"))).toBe("gamma");
  expect(await hostOf(await submitAny(stack, "role=web,zone!=eu"))).toBe("beta");
  expect(await hostOf(await submitAny(stack, "name in (gamma)"))).toBe("gamma");
  const prefer = { on: { any: "role", prefer: ["zone=us"] } };
  const preferring = await client.submitJob({ name: freshName(), script: "true", ...prefer });
  expect(preferring.view.target).toEqual(prefer.on);
  expect(await hostOf(preferring)).toBe("beta");
  // Two at once go to two hosts.
  const go = join(stack.directory, "go");
  const pair = [
    await submitAny(stack, "role=web", { script: UNTIL(go) }),
    await submitAny(stack, "role=web", { script: UNTIL(go) }),
  ];
  expect(new Set(pair.map(({ view }) => view.on))).toEqual(new Set(["alpha", "beta"]));
  await writeFile(go, "");
  for (const run of pair) expect(await run.result()).toMatchObject({ state: "completed" });
  // Again, it goes anywhere again.
  const again = await client.rerunRun(pair[0]!.id);
  expect(again.view.target).toEqual({ any: "role=web" });
  expect(await again.result()).toMatchObject({ state: "completed" });
  const cli = await runCli(
    stack,
    "--json",
    "submit",
    "-n",
    freshName(),
    "-c",
    "true",
    "--on-any",
    "zone in (us)",
    "--prefer",
    "!gpu",
  );
  const { run } = JSON.parse(cli.stdout) as { run: RunView };
  expect(run).toMatchObject({ on: "beta", target: { any: "zone in (us)", prefer: ["!gpu"] } });
});

test("a job's task and its schedule may go to any host; the job shows where", async () => {
  await using stack = await startStack({ labels: { alpha: { role: "web" } } });
  const { client } = stack;
  const name = freshName();
  const job = await client.saveJob(name, { task: { script: "true", on: { any: "role=web" } } });
  expect(job.task?.on).toEqual({ any: "role=web" });
  expect(await hostOf(await client.runJob(name))).toBe("alpha");
  expect((await runCli(stack, "job", name)).stdout).toContain("on any of role=web");
});

test("a host that drains takes on nothing more, ends what it has, and is audited; a run that is not to wait is refused", async () => {
  await using stack = await startStack({
    agents: ["alpha", "beta"],
    labels: { alpha: { a: "" }, beta: { a: "" } },
    servers: 2,
  });
  const { client } = stack;
  const go = join(stack.directory, "go");
  const before = await client.submitJob({ name: freshName(), script: UNTIL(go), on: "alpha" });
  const drained = await runCli(stack, "agents", "drain", "alpha", "--note", "new disk");
  expect(drained).toMatchObject({ exitCode: 0, stdout: "alpha takes on no more runs; 1 still run on it.\n" });
  const waiting = await client.submitJob({ name: freshName(), script: "true", on: "alpha" });
  expect(waiting.view).toMatchObject({ state: "pending", waitingFor: "draining", sentence: "Waiting: alpha drains." });
  for (let count = 0; count < 3; count++) expect(await hostOf(await submitAny(stack, "a"))).toBe("beta");
  const refused = client.submitJob({ name: freshName(), script: "true", on: "alpha", whenUnavailable: "reject" });
  await expect(refused).rejects.toMatchObject({ code: "agent-unavailable", field: "on" });
  expect((await client.listAgents()).map(({ name, drain }) => [name, drain?.by, drain?.note])).toEqual([
    ["alpha", "tester", "new disk"],
    ["beta", undefined, undefined],
  ]);
  const note = "new board, too";
  for (const again of [note, undefined, note])
    expect((await client.drainAgent("alpha", again)).drain).toMatchObject({ note });
  await writeFile(go, "");
  expect(await before.result()).toMatchObject({ state: "completed" });
  // On another server, and twice: the second changes nothing.
  const second = stack.clientOf(stack.servers[1]!);
  expect(await second.undrainAgent("alpha")).toMatchObject({ name: "alpha" });
  expect(await client.undrainAgent("alpha")).not.toHaveProperty("drain");
  expect(await waiting.result()).toMatchObject({ state: "completed", on: "alpha" });
  const acts = (await client.listAudit()).filter(({ agent }) => agent === "alpha").map((act) => [act.action, act.note]);
  expect(acts).toEqual([
    ["undrain", undefined],
    ["drain", note],
    ["drain", "new disk"],
  ]);
});

test("a host that refuses a run for good is passed over for another that takes it", async () => {
  await using stack = await startStack({ agents: ["alpha", "beta"], labels: { alpha: { a: "" }, beta: { a: "" } } });
  // Only on the host it shows: with a PATH of its own nobody else can tell.
  const script = "#!/bin/sh\ntrue";
  const env = { PATH: "/nowhere" };
  const run = await stack.client.submitJob({
    name: freshName(),
    script,
    interpreter: ["not-there"],
    env,
    on: { any: "a" },
  });
  const result = await run.result();
  expect(result).toMatchObject({ state: "failed", reason: "refused-by-agent" });
  expect(new Set(result.attempts?.map(({ on }) => on))).toEqual(new Set(["alpha", "beta"]));
});

test("what is wrong with a target is refused, and nothing is stored", async () => {
  await using stack = await startStack({ labels: { alpha: { zone: "eu" } } });
  const { client } = stack;
  const name = freshName();
  const submit = (change: object): Promise<unknown> => client.submitJob({ name, script: "true", ...change });
  await expect(submit({ on: { any: "zone >= 3" } })).rejects.toMatchObject({
    code: "invalid-request",
    field: "on.any",
    message: expect.stringContaining("“zone >= 3” is no term") as string,
  });
  await expect(submit({ on: { any: "zone=us" } })).rejects.toMatchObject({
    code: "agent-unknown",
    field: "on",
    message: "No agent matches “zone=us”. Known: alpha.",
  });
  await expect(submit({ on: { any: "zone=eu", prefer: ["("] } })).rejects.toMatchObject({
    code: "invalid-request",
    field: "on.prefer.0",
  });
  await expect(submit({ on: { some: "zone=eu" } })).rejects.toMatchObject({ code: "invalid-request", field: "on" });
  await expect(submit({ priority: 10 })).rejects.toMatchObject({ code: "invalid-request", field: "priority" });
  await expect(submit({ priority: 1.5 })).rejects.toMatchObject({ code: "invalid-request", field: "priority" });
  await expect(submit({ whenUnavailable: "fail" })).rejects.toMatchObject({ field: "whenUnavailable" });
  await expect(client.drainAgent("nobody")).rejects.toMatchObject({ code: "agent-unknown", field: "agent" });
  expect(await client.listRuns({ job: name })).toEqual([]);
  const both = await runCli(stack, "submit", "-n", name, "-c", "true", "--on", "alpha", "--on-any", "zone");
  expect(both).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("not more than one") as string });
});
