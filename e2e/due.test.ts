/** Runs that start at an instant, or once others have ended. */
import { StartMessage } from "@jobs/core";
import { connectNats } from "@jobs/core/jetstream";
import type { RunHandle } from "@jobs/sdk";
import { expect, test } from "vitest";
import { runCli } from "./support/cli.ts";
import { freshName, startStack } from "./support/stack.ts";

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** When the script ran, by its own clock, milliseconds since 1970. */
const CLOCK = "date +%s%3N";

async function textOf(run: RunHandle): Promise<string> {
  let text = "";
  for await (const chunk of run.logs()) text += chunk.text;
  return text.trim();
}

test("a run starts at its instant, not before; meanwhile its job is free", async () => {
  await using stack = await startStack({ slots: 4 });
  const { client } = stack;
  const name = freshName();
  const at = inMs(1_500);
  const run = await client.submitJob({ name, script: CLOCK, on: "alpha", at });
  expect(run.view).toMatchObject({ state: "submitted", times: { dueAt: at }, next: { owner: "server" } });
  expect(run.view.sentence).toContain(at);
  const now = await client.submitJob({ name, script: CLOCK, on: "alpha" });
  expect(await now.result()).toMatchObject({ state: "completed" });
  expect(await run.result()).toMatchObject({ state: "completed", times: { dueAt: at } });
  const [ranAt, ranNow] = [Number(await textOf(run)), Number(await textOf(now))];
  expect(ranAt).toBeGreaterThanOrEqual(Date.parse(at));
  expect(ranNow).toBeLessThan(Date.parse(at));
  expect(ranAt - Date.parse(at)).toBeLessThan(1_000); // by the timer, not by a round
});

test("its host is told a moment before its instant, and starts it then", async () => {
  await using stack = await startStack({ slots: 8 });
  const link = await connectNats({ url: stack.nats.url, user: "server", password: "server", name: "test" });
  const told = new Map<string, StartMessage>();
  link.connection.subscribe("inbox.>", {
    callback: (_, message) => {
      const { data: start } = StartMessage.safeParse(message.json());
      if (start !== undefined) told.set(start.run, start);
    },
  });
  await link.connection.flush();
  const instants = [600, 800, 1_000, 1_200, 1_400].map(inMs);
  const runs = await Promise.all(
    instants.map((at) => stack.client.submitJob({ name: freshName(), script: CLOCK, on: "alpha", at })),
  );
  const isEarly = await Promise.all(
    runs.map(async (run, index) => {
      const at = instants[index] ?? "";
      await run.result();
      expect(Number(await textOf(run))).toBeGreaterThanOrEqual(Date.parse(at));
      const { sentAt = "", startAt } = told.get(run.id) ?? {};
      return startAt === at && sentAt < at;
    }),
  );
  await link.connection.close();
  // A machine may be too busy for one of them, not for all.
  expect(isEarly).toContain(true);
});

test("of runs that come due at one instant the more urgent start first", async () => {
  await using stack = await startStack({ slots: 1 });
  const { client } = stack;
  const at = inMs(3_000);
  const priorities = [1, 5, 9, 0, 5];
  const runs: RunHandle[] = [];
  for (const priority of priorities)
    runs.push(await client.submitJob({ name: freshName(), script: CLOCK, on: "alpha", at, priority }));
  await Promise.all(runs.map((run) => run.result()));
  const startedAt = await Promise.all(runs.map(textOf));
  const order = runs.map((_, index) => index).toSorted((a, b) => Number(startedAt[a]) - Number(startedAt[b]));
  expect(order).toEqual([2, 1, 4, 0, 3]);
});

test("whether its job is busy is decided at its time: it is skipped, and says for which run", async () => {
  await using stack = await startStack({ slots: 4 });
  const { client } = stack;
  const name = freshName();
  const long = await client.submitJob({ name, script: "while :; do sleep 0.1; done", on: "alpha" });
  const due = await client.submitJob({ name, script: CLOCK, on: "alpha", at: inMs(700) });
  const skipped = await due.result();
  expect(skipped).toMatchObject({ state: "skipped", reason: "overlap", skippedFor: long.id });
  expect(skipped.sentence).toContain(long.id);
  await long.cancel();
  expect(await client.listRuns({ job: name, state: "skipped" })).toHaveLength(1);
});

test("its time comes on another server when the deciding one stops", async () => {
  await using stack = await startStack({ servers: 2 });
  const [one, two] = stack.servers as [(typeof stack.servers)[0], (typeof stack.servers)[0]];
  const at = inMs(1_000);
  const submitted = await stack.clientOf(one).submitJob({ name: freshName(), script: CLOCK, on: "alpha", at });
  await one.stop();
  const run = await stack.clientOf(two).run(submitted.id);
  expect(await run.result()).toMatchObject({ state: "completed" });
  expect(Number(await textOf(run))).toBeGreaterThanOrEqual(Date.parse(at));
});

test("a chain runs in its order, is shown, and breaks where it has to", async () => {
  await using stack = await startStack({ slots: 4 });
  const { client } = stack;
  const [a, b, c] = [freshName("a"), freshName("b"), freshName("c")];
  const first = await client.submitJob({ name: a, script: `sleep 0.5; ${CLOCK}`, on: "alpha" });
  const second = await client.submitJob({ name: b, script: CLOCK, on: "alpha", after: { jobs: [a] } });
  const third = await client.submitJob({ name: c, script: CLOCK, on: "alpha", after: { runs: [first.id, second.id] } });
  expect(third.view).toMatchObject({
    state: "pending",
    waitingFor: "dependency",
    after: { runs: [{ run: first.id }, { run: second.id, job: b, state: "pending" }], on: "completed" },
  });
  expect((await client.getRun(second.id)).dependents).toEqual([{ job: c, run: third.id }]);
  for (const run of [first, second, third]) expect(await run.result()).toMatchObject({ state: "completed" });
  const times = await Promise.all([first, second, third].map(async (run) => Number(await textOf(run))));
  expect(times).toEqual(times.toSorted((one, other) => one - other));

  const bad = await client.submitJob({ name: a, script: "exit 3", on: "alpha" });
  const after = { runs: [bad.id] };
  const broken = await client.submitJob({ name: b, script: CLOCK, on: "alpha", after });
  const clean = await client.submitJob({ name: c, script: CLOCK, on: "alpha", after: { ...after, otherwise: "run" } });
  const alarm = await client.submitJob({
    name: freshName(),
    script: CLOCK,
    on: "alpha",
    after: { ...after, on: "failed" },
  });
  expect(await broken.result()).toMatchObject({ state: "skipped", reason: "dependency-failed" });
  expect(await client.getRun(broken.id)).toMatchObject({
    unmet: { job: a, run: bad.id, state: "failed" },
    sentence: expect.stringContaining(`run ${bad.id} of “${a}” had completed, and that ended otherwise: failed`),
  });
  expect(await clean.result()).toMatchObject({ state: "completed" });
  expect(await alarm.result()).toMatchObject({ state: "completed" });
});

test("on the shell: --in, --at, --after and what is wrong with them", async () => {
  await using stack = await startStack({ slots: 4 });
  const soon = await runCli(stack, "submit", "-n", "soon", "-c", CLOCK, "--in", "1s", "--follow");
  expect(soon).toMatchObject({ exitCode: 0 });
  const far = await runCli(stack, "submit", "-n", "far", "-c", CLOCK, "--at", "2031-02-03T04:05:06+01:00", "--json");
  expect(JSON.parse(far.stdout)).toMatchObject({
    run: { state: "submitted", times: { dueAt: "2031-02-03T03:05:06.000Z" } },
  });
  const after = await runCli(stack, "submit", "-n", "after", "-c", CLOCK, "--after-job", "soon", "--follow");
  expect(after).toMatchObject({ exitCode: 0 });
  const cancelled = await runCli(stack, "cancel", "far");
  expect(cancelled).toMatchObject({ exitCode: 0 });
  const wrong = [
    { args: ["--at", "tomorrow"], field: "at" },
    { args: ["--at", "2026-02-30T00:00:00Z"], field: "at" },
    { args: ["--at", "2199-01-01T00:00:00Z"], field: "at" },
    { args: ["--at", "2001-01-01T00:00:00Z"], field: "at" },
    { args: ["--zone", "Europe/Berlin"], field: "zone" },
    { args: ["--in", "soon"], field: "at" },
    { args: ["--after", "nosuchrun1"], field: "after.runs.0" },
    { args: ["--after-job", "no such job"], field: "after.jobs.0" },
    { args: ["--after-on", "failed"], field: "after" },
  ];
  for (const { args, field } of wrong) {
    const outcome = await runCli(stack, "submit", "-n", "wrong", "-c", CLOCK, "--json", ...args);
    expect({ args, error: JSON.parse(outcome.stderr) }).toMatchObject({ args, error: { error: { field } } });
  }
  expect(await stack.client.listRuns({ job: "wrong" })).toEqual([]);
}, 120_000);

test("the same key gives the same run, also when the job named by --after has run again meanwhile", async () => {
  await using stack = await startStack({ slots: 4 });
  const { client } = stack;
  const base = freshName("base");
  const ended = async (): Promise<unknown> =>
    (await client.submitJob({ name: base, script: "true", on: "alpha" })).result();
  await ended();
  const input = { name: freshName(), script: "true", on: "alpha", key: "k", after: { jobs: [base] } };
  const run = await client.submitJob(input);
  await ended();
  expect(await client.submitJob(input)).toMatchObject({ id: run.id, known: true });
  await expect(client.submitJob({ ...input, after: { jobs: [base], on: "ended" } })).rejects.toMatchObject({
    code: "key-conflict",
  });
});
