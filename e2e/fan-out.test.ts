/** One run on all hosts that match. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HostView, RunHandle, RunView } from "@jobs/sdk";
import { expect, test } from "vitest";
import { runCli, startCli } from "./support/cli.ts";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

const NAMES = ["h1", "h2", "h3", "h4"] as const;
const LABELS = { h1: { web: "" }, h2: { web: "" }, h3: { web: "" }, h4: { web: "", canary: "" } };

/** Fails where a file says so, and tells in which order hosts began. */
const script = (folder: string): string => `#!/bin/bash
echo start >> ${folder}/marks
sleep 0.2
echo end >> ${folder}/marks
echo out of $JOBS_RUN
touch "$JOBS_OUTPUT/report"
[ ! -e ${folder}/fail ]`;

async function textOf(run: RunHandle): Promise<string> {
  let text = "";
  for await (const chunk of run.logs()) text += chunk.text;
  return text;
}

function statesOf(hosts: readonly HostView[]): readonly unknown[] {
  return hosts.map(({ name, run }) => [name, run?.state]);
}

/** How many ran at once at most. */
async function mostAtOnce({ directory }: Stack): Promise<number> {
  const marks = (await readFile(join(directory, "marks"), "utf8")).trim().split("\n");
  let [now, most] = [0, 0];
  for (const mark of marks) most = Math.max(most, (now += mark === "start" ? 1 : -1));
  return most;
}

test("it goes to each of them, so many at a time; each has its log and its files, the whole one page", async () => {
  await using stack = await startStack({ agents: NAMES, labels: LABELS, servers: 2 });
  const { client, directory } = stack;
  const name = freshName();
  const run = await client.submitJob({ name, script: script(directory), on: { all: "web", atOnce: 2 } });
  expect(run.view).toMatchObject({ state: "running", on: "all of web", hosts: { total: 4 } });
  await expect(client.submitJob({ name, script: "true", on: "h1" })).rejects.toMatchObject({
    code: "job-busy",
    details: { run: run.id },
  });
  const result = await run.result();
  expect(result).toMatchObject({ state: "completed", hosts: { total: 4, completed: 4, notStarted: 0 } });
  expect(result.sentence).toBe("The script ended by itself with exit code 0 on all 4 hosts: 4 completed.");
  expect(await mostAtOnce(stack)).toBe(2);
  const hosts = await client.listHosts(run.id);
  expect(hosts.map(({ name, run: part }) => [name, part?.on, part?.state, part?.partOf])).toEqual(
    NAMES.map((one) => [one, one, "completed", run.id]),
  );
  const part = await client.run(hosts[2]!.run!.run);
  expect(await textOf(part)).toMatch(/^out of /);
  // In lists, and for the next submission, there is one run.
  expect((await client.listRuns({ job: name })).map(({ run: id }) => id)).toEqual([run.id]);
  expect((await client.listRuns({ name: name.toUpperCase() })).map(({ run: id }) => id)).toEqual([run.id]);
  expect(await client.countRuns({ job: name })).toMatchObject({ total: 1, states: { completed: 1 } });
  expect(await client.countRuns({ agent: "h3" })).toMatchObject({ total: 0 });
  expect((await client.getRun(part.id)).partOf).toBe(run.id);
  expect((await runCli(stack, "logs", run.id, "--host", "h3")).stdout).toMatch(/^out of /);
  expect((await runCli(stack, "hosts", run.id)).stdout).toMatch(/h1 +completed[\s\S]*h4 +completed/);
  const elsewhere = stack.clientOf(stack.servers[1]!);
  await expect
    .poll(async () => statesOf(await elsewhere.listHosts(run.id)))
    .toEqual(NAMES.map((one) => [one, "completed"]));
});

test("after a failure too many it goes to no other host; again only where it did not complete", async () => {
  await using stack = await startStack({ agents: NAMES, labels: LABELS });
  const { client, directory } = stack;
  await writeFile(join(directory, "fail"), "");
  const name = freshName();
  const on = ["--on-all", "web", "--at-once", "1", "--max-failed", "25%"];
  const { stdout, exitCode } = await runCli(stack, "submit", "-n", name, "-c", script(directory), ...on, "--follow");
  expect([exitCode, stdout]).toEqual([117, expect.stringMatching(/^h1 \| out of \w+\nh2 \| out of \w+\n$/)]);
  const [first] = await client.listRuns({ job: name });
  expect(first).toMatchObject({
    state: "failed",
    reason: "hosts-failed",
    hosts: { total: 4, failed: 2, notStarted: 2 },
  });
  expect(first?.sentence).toBe("Not all hosts completed it. Of 4 hosts: 2 failed, 2 not begun.");
  expect(statesOf(await client.listHosts(first!.run))).toEqual([
    ["h1", "failed"],
    ["h2", "failed"],
    ["h3", undefined],
    ["h4", undefined],
  ]);
  expect((await runCli(stack, "hosts", first!.run)).stdout).toContain("h3    not begun");
  await client.submitJob({ name: freshName(), script: `rm ${directory}/fail`, on: "h1" }).then((one) => one.result());
  // h1 and h2 alone: the others of the second run would fail, too.
  const some = await client.submitJob({ name, script: script(directory), on: { all: "web" } });
  expect(await some.result()).toMatchObject({ state: "completed" });
  const again = await client.rerunRun(first!.run, { onlyFailed: true });
  expect(await again.result()).toMatchObject({ state: "completed", rerunOf: first!.run, hosts: { total: 4 } });
  await expect(client.rerunRun(again.id, { onlyFailed: true })).rejects.toMatchObject({
    code: "invalid-request",
    field: "onlyFailed",
  });
});

test("whoever follows it reads all attempts on every host as they print, each line behind the host's name", async () => {
  await using stack = await startStack({ agents: NAMES, labels: LABELS });
  const again = ["--retries", "1", "--backoff", "1ms", "--jitter", "0"];
  const on = ["--on-all", "web", "--at-once", "2", ...again];
  const { directory, servers } = stack;
  // The first two go on once their lines were seen.
  const failing = `echo try $JOBS_ATTEMPT_NUMBER; until [ -e ${directory}/seen ]; do sleep 0.05; done; printf 'no end'; exit 3`;
  const env = { JOBS_URL: servers[0]?.url ?? "", JOBS_TOKEN: TOKEN };
  const args = ["submit", "-n", freshName(), "-c", failing, ...on, "-f"];
  await using follower = startCli(args, { env, cwd: directory });
  await follower.lines(2);
  await writeFile(join(directory, "seen"), "");
  const { stdout, stderr, exitCode } = await follower.outcome;
  expect(exitCode).toBe(117);
  const lines = stdout.trimEnd().split("\n");
  for (const name of NAMES)
    expect(lines.filter((line) => line.startsWith(name))).toEqual(
      ["try 1", "no end", "try 2", "no end"].map((line) => `${name} | ${line}`),
    );
  expect(lines).toHaveLength(4 * NAMES.length);
  for (const name of NAMES) expect(stderr).toContain(`jobs: ${name}: Attempt 2 begins.\n`);
});

test("only the hosts that failed have a part in the run that repeats it", async () => {
  await using stack = await startStack({ agents: NAMES, labels: LABELS });
  const { client, directory } = stack;
  const failing = `[ -e ${directory}/first ] || { touch ${directory}/first; exit 3; }`;
  const run = await client.submitJob({ name: freshName(), script: failing, on: { all: "web", atOnce: 1 } });
  expect(await run.result()).toMatchObject({ state: "failed", hosts: { completed: 3, failed: 1 } });
  const again = await runCli(stack, "--json", "rerun", run.id, "--failed-hosts", "--follow");
  expect(again.exitCode).toBe(0);
  const [repeated] = await client.listRuns({ job: run.job });
  expect(repeated).toMatchObject({ hosts: { total: 1, completed: 1 } });
  expect(statesOf(await client.listHosts(repeated!.run))).toEqual([["h1", "completed"]]);
  const limited = await runCli(stack, "--json", "rerun", run.id, "--failed-hosts", "--at-once", "50%");
  const { run: asked } = JSON.parse(limited.stdout) as { run: RunView };
  expect(asked.target).toEqual({ all: "web", atOnce: "50%" });
  expect(await (await client.run(asked.run)).result()).toMatchObject({ hosts: { total: 1, completed: 1 } });
  // That one again, as it was.
  const third = await client.rerunRun(repeated!.run);
  expect(await third.result()).toMatchObject({ hosts: { total: 1, completed: 1 } });
});

test("one whose job is paused meanwhile says so, and goes on when it is resumed", async () => {
  await using stack = await startStack({ agents: NAMES, labels: LABELS });
  const { client, directory } = stack;
  const waiting = `until [ -e ${directory}/go ]; do sleep 0.05; done`;
  const run = await client.submitJob({ name: freshName(), script: waiting, on: { all: "web", atOnce: 3 } });
  await expect.poll(async () => (await client.getRun(run.id)).hosts).toMatchObject({ running: 3 });
  await client.pauseJob(run.job);
  expect((await client.getRun(run.id)).sentence).toBe(
    "Running on 4 hosts: 3 running, 1 not begun. The job is paused: no other host begins it.",
  );
  await writeFile(join(directory, "go"), "");
  await expect.poll(async () => (await client.getRun(run.id)).hosts).toMatchObject({ completed: 3, notStarted: 1 });
  await client.resumeJob(run.job);
  expect(await run.result()).toMatchObject({ state: "completed", hosts: { completed: 4 } });
}, 60_000);

test("a cancel ends it on every host, and goes to no other", async () => {
  await using stack = await startStack({ agents: NAMES, labels: LABELS });
  const { client } = stack;
  const run = await client.submitJob({
    name: freshName(),
    script: "while :; do sleep 0.1; done",
    on: { all: "web", atOnce: 3 },
  });
  const running = async (): Promise<number | undefined> => (await client.getRun(run.id)).hosts?.running;
  await expect.poll(running, { timeout: 10_000 }).toBe(3);
  await run.cancel();
  const result = await run.result();
  expect(result).toMatchObject({ state: "cancelled", reason: "cancelled-by", hosts: { cancelled: 3, notStarted: 1 } });
  expect(result.sentence).toBe("Cancelled: tester asked to cancel it. Of 4 hosts: 3 cancelled, 1 not begun.");
});

test("the deciding server is killed while it goes on: no host is left out, none has it twice, and who follows sees all", async () => {
  await using stack = await startStack({ agents: NAMES, labels: LABELS, servers: 2, isCluster: false });
  const { directory } = stack;
  const client = stack.clientOf(stack.servers[1]!);
  const slow = `echo start-$(cat /proc/sys/kernel/random/uuid) | tee -a ${directory}/starts; sleep 1`;
  const run = await client.submitJob({ name: freshName(), script: slow, on: { all: "web", atOnce: 1 } });
  const env = { JOBS_URL: stack.servers[1]!.url, JOBS_TOKEN: TOKEN };
  await using follower = startCli(["logs", "-f", run.id], { env, cwd: directory });
  await expect.poll(async () => (await client.getRun(run.id)).hosts?.completed, { timeout: 10_000 }).toBe(1);
  await stack.servers[0]!.stop();
  expect(await run.result()).toMatchObject({ state: "completed", hosts: { completed: 4 } });
  const starts = (await readFile(join(directory, "starts"), "utf8")).trim().split("\n");
  expect(starts).toHaveLength(4);
  const { stdout } = await follower.outcome;
  expect(stdout).toBe(starts.map((start, at) => `${NAMES[at]} | ${start}\n`).join(""));
}, 60_000);

test("what is wrong with a run for several hosts is refused", async () => {
  await using stack = await startStack({ labels: { alpha: { web: "" } } });
  const { client } = stack;
  const name = freshName();
  const submit = (on: object): Promise<unknown> =>
    client.submitJob({ name, script: "true", on: on as { all: string } });
  const code = "invalid-request";
  await expect(submit({ all: "web", atOnce: 0 })).rejects.toMatchObject({
    code,
    field: "on.atOnce",
    message: expect.stringContaining("atOnce is a whole number of hosts, at least 1") as string,
  });
  await expect(submit({ all: "web", maxFailed: "101%" })).rejects.toMatchObject({ code, field: "on.maxFailed" });
  await expect(submit({ all: "web", any: "web" })).rejects.toMatchObject({ code, field: "on" });
  await expect(submit({ all: "nobody" })).rejects.toMatchObject({ code: "agent-unknown", field: "on" });
  const one = await client.submitJob({ name, script: "true" });
  await one.result();
  await expect(client.listHosts(one.id)).rejects.toMatchObject({ code: "invalid-request", field: "run" });
  await expect(client.listHosts("0000000000000")).rejects.toMatchObject({ code: "run-unknown" });
  const alone = await runCli(stack, "submit", "-n", name, "-c", "true", "--on", "alpha", "--at-once", "2");
  expect(alone).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("go with --on-all") as string });
});
