/** Jobs with a task and schedules: every slot has its run, or says why not. */
import type { RunView } from "@jobs/sdk";
import { expect, test } from "vitest";
import { runCli } from "./support/cli.ts";
import { freshName, startStack } from "./support/stack.ts";

const TASK = { script: "date +%s%3N", on: "alpha" };

/** Every instant that the runs of a schedule stand for, in order. */
function instantsOf(runs: readonly RunView[], everyMs: number): number[] {
  const all = runs.flatMap(({ slot }) => {
    const from = Date.parse(slot?.at ?? "");
    return Array.from({ length: slot?.count ?? 1 }, (_, index) => from + index * everyMs);
  });
  return all.toSorted((one, other) => one - other);
}

/** No slot is missing, and none is there twice. */
function expectWhole(runs: readonly RunView[], everyMs: number): void {
  const instants = instantsOf(runs, everyMs);
  expect(instants.length).toBeGreaterThan(0);
  for (const [index, at] of instants.entries()) expect(at).toBe((instants[0] ?? 0) + index * everyMs);
}

test("a schedule of every second: each slot once, at its time, also when the deciding server goes", async () => {
  await using stack = await startStack({ servers: 2, slots: 4 });
  const [one, two] = stack.servers as [(typeof stack.servers)[0], (typeof stack.servers)[0]];
  const name = freshName();
  await stack
    .clientOf(one)
    .saveJob(name, { task: TASK, schedules: [{ id: "main", every: { ms: 1_000 } }], policy: { overlap: "queue" } });
  const client = stack.clientOf(two);
  const list = (): Promise<RunView[]> => client.listRuns({ job: name, limit: 500 });
  await expect.poll(async () => (await list()).length, { timeout: 15_000 }).toBeGreaterThan(2);
  await one.stop();
  const before = (await list()).length;
  await expect.poll(async () => (await list()).length, { timeout: 15_000 }).toBeGreaterThan(before + 3);
  await client.saveJob(name, { schedules: [] });
  const runs = await list();
  expectWhole(runs, 1_000);
  expect(runs.every(({ submittedBy }) => submittedBy === "tester")).toBe(true);
  for (const view of runs) {
    const run = await client.run(view.run);
    expect(await run.result()).toMatchObject({ state: "completed" });
    let text = "";
    for await (const chunk of run.logs()) text += chunk.text;
    expect(Number(text)).toBeGreaterThanOrEqual(Date.parse(view.slot?.at ?? ""));
  }
}, 60_000);

test("slots that meet a live run are one record that says for which; run now, pause and an outage leave their trace, too", async () => {
  await using stack = await startStack({ slots: 4 });
  const { client } = stack;
  const name = freshName();
  await client.saveJob(name, { task: { ...TASK, script: "while :; do sleep 0.1; done" } });
  const long = await client.runJob(name);
  await client.saveJob(name, { schedules: [{ id: "main", every: { ms: 1_000 } }] });
  const skipped = async (reason: string): Promise<RunView | undefined> =>
    (await client.listRuns({ job: name, state: "skipped" })).find((run) => run.reason === reason);
  await expect.poll(async () => (await skipped("overlap"))?.slot?.count ?? 0, { timeout: 15_000 }).toBeGreaterThan(2);
  const range = await skipped("overlap");
  expect(range).toMatchObject({ skippedFor: long.id, slot: { schedule: "main" } });
  expect(range?.sentence).toContain(`${range?.slot?.count} slots`);
  await client.pauseJob(name);
  await expect.poll(async () => (await skipped("paused"))?.slot?.count ?? 0, { timeout: 15_000 }).toBeGreaterThan(1);
  await long.cancel();
  await long.result();
  await client.saveJob(name, { task: TASK });
  await client.resumeJob(name);
  await expect.poll(() => client.listRuns({ job: name, state: "completed" }), { timeout: 15_000 }).not.toEqual([]);
  await client.saveJob(name, { schedules: [] });
  const ofSchedule = (await client.listRuns({ job: name, limit: 500 })).filter(({ slot }) => slot !== undefined);
  expectWhole(ofSchedule, 1_000);
  await expect.poll(() => client.listOverdue()).toEqual([]);
}, 60_000);

test("on the shell: a task, a preview over a change of the clocks, a schedule, its next slots, run now, remove", async () => {
  await using stack = await startStack({ slots: 4 });
  expect(await runCli(stack, "job", "nightly", "-c", "echo hello", "--on", "alpha")).toMatchObject({ exitCode: 0 });
  const rule = ["--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--start", "2027-03-27T00:00:00Z"];
  const preview = await runCli(stack, "schedule", "nightly", ...rule, "--preview", "4");
  expect(preview.stdout).toContain("the clocks are put forward that day");
  const set = await runCli(
    stack,
    "schedule",
    "nightly",
    ...rule,
    "--catch-up",
    "all",
    "--catch-up-max",
    "3",
    "--jitter",
    "5s",
  );
  expect(set).toMatchObject({ exitCode: 0 });
  const view = JSON.parse((await runCli(stack, "job", "nightly", "--json")).stdout);
  expect(view).toMatchObject({
    task: { on: "alpha", script: "echo hello", interpreter: ["bash"] },
    schedules: [
      {
        schedule: { id: "main", cron: "30 2 * * *", catchUp: { mode: "all", max: 3 }, jitterMs: 5_000 },
        next: [{}, {}, {}],
      },
    ],
  });
  expect(await runCli(stack, "run", "nightly", "--follow")).toMatchObject({ exitCode: 0, stdout: "hello\r\n" });
  const wrong = [
    { args: ["schedule", "nightly", "--cron", "61 * * * *"], field: "schedules.0.cron" },
    { args: ["schedule", "nightly", "--cron", "0 0 31 2 *"], field: "schedules.0.cron" },
    { args: ["schedule", "nightly", "--cron", "0 0 * * *", "--zone", "Mars/Olympus"], field: "schedules.0.zone" },
    { args: ["schedule", "nightly", "--every", "1ms"], field: "schedules.0.every.ms" },
    { args: ["schedule", "nightly"], field: "schedules.0", message: "exactly one of every, cron and at" },
    {
      args: ["schedule", "nightly", "--cron", "@daily", "--every", "1h"],
      field: "schedules.0",
      message: "exactly one of every, cron and at",
    },
    { args: ["schedule", "nightly", "--cron", "@daily", "--blackout", "never"], field: "blackouts" },
    { args: ["job", "nightly", "--no-task"], field: "task" },
  ];
  for (const { args, field, message = "" } of wrong) {
    const outcome = await runCli(stack, ...args, "--json");
    expect({ args, error: JSON.parse(outcome.stderr) }).toMatchObject({
      args,
      error: { error: { field, message: expect.stringContaining(message) as unknown } },
    });
  }
  expect(JSON.parse((await runCli(stack, "job", "nightly", "--json")).stdout).schedules).toEqual([
    expect.objectContaining({ schedule: view.schedules[0].schedule }),
  ]);
  expect(await runCli(stack, "schedule", "nightly", "--remove")).toMatchObject({ exitCode: 0 });
  expect(JSON.parse((await runCli(stack, "job", "nightly", "--json")).stdout).schedules).toBeUndefined();
  expect(JSON.parse((await runCli(stack, "run", "no such job", "--json")).stderr)).toMatchObject({
    error: { code: "job-unknown", field: "name" },
  });
}, 120_000);
