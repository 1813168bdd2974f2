import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
/** What is killed here is killed with SIGKILL, in mid-run; the run goes on, the log has no gap, the result arrives. */
import { connect } from "@jobs/sdk";
import { expect, test } from "vitest";
import { findPids, isAlive } from "./chaos/proc.ts";
import { counting, expectWhole, LineReader } from "./support/counting-run.ts";
import { startAgentProcess, startServerProcess, type RunningProcess } from "./support/processes.ts";
import { replicated } from "./support/replicated.ts";
import { agentEnv, freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

async function serverEnv(stack: Stack, port: number): Promise<Record<string, string>> {
  return {
    NATS_URL: stack.nats.urls.join(","),
    NATS_USER: "server",
    NATS_PASSWORD: "server",
    JOBS_LISTEN_PORT: String(port),
    JOBS_TOKENS: `tester:${TOKEN}`,
    JOBS_SECRET: "0123456789abcdef0123456789abcdef",
    JOBS_ARTIFACTS_DIR: join(stack.directory, "artifacts"),
  };
}

async function urlOf(server: RunningProcess): Promise<string> {
  return String((await server.line("listening"))["url"]);
}

test("a server is killed in mid-run and started again", async () => {
  await using stack = await startStack();
  await stack.servers[0]?.stop();
  let server = startServerProcess(await serverEnv(stack, 0));
  const url = await urlOf(server);
  const client = connect({ url, token: TOKEN });
  const until = join(stack.directory, "end");
  const run = await client.submitJob({ name: freshName(), script: counting(until), on: "alpha" });
  const reader = new LineReader(run);
  await reader.lines(20);
  await server.kill("SIGKILL");
  server = startServerProcess(await serverEnv(stack, Number(new URL(url).port)));
  await using _ = server;
  await reader.more(20);
  await touch(until);
  await expectWhole(run, reader);
});

test("a server is killed while it checks a script: nothing of the script is left in its folder for temporary files", async () => {
  await using stack = await startStack();
  await stack.servers[0]?.stop();
  const [TMPDIR, bin, until] = ["tmp", "bin", "end"].map((name) => join(stack.directory, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [TMPDIR, bin]) await mkdir(folder);
  await writeFile(join(bin, "bash"), `#!/bin/sh\nuntil [ -e ${until} ]; do sleep 0.05; done\n`, { mode: 0o700 });
  const env = { ...(await serverEnv(stack, 0)), TMPDIR, PATH: `${bin}:${process.env["PATH"]}` };
  const server = startServerProcess(env);
  const client = connect({ url: await urlOf(server), token: TOKEN });
  const submitting = client.submitJob({ name: freshName(), script: "echo hello", on: "alpha" }, { timeoutMs: 1_000 });
  submitting.catch(() => undefined);
  await expect.poll(() => readdir(TMPDIR, { recursive: true })).toHaveLength(2);
  await server.kill("SIGKILL");
  await touch(until);
  await expect.poll(() => readdir(TMPDIR)).toEqual([]);
});

test("a server is killed, the script ends while it is away, and the result arrives once it is back", async () => {
  await using stack = await startStack();
  await stack.servers[0]?.stop();
  const first = startServerProcess(await serverEnv(stack, 0));
  const url = await urlOf(first);
  const client = connect({ url, token: TOKEN });
  const until = join(stack.directory, "end");
  const mark = join(stack.directory, "agent-alpha", "gone");
  const run = await client.submitJob({
    name: freshName(),
    script: `trap 'touch ${mark}' EXIT; ${counting(until)}`,
    on: "alpha",
  });
  const reader = new LineReader(run);
  await reader.lines(20);
  await first.kill("SIGKILL");
  await touch(until);
  await appears(mark);
  await using second = startServerProcess(await serverEnv(stack, Number(new URL(url).port)));
  expect(await urlOf(second)).toBe(url);
  await expectWhole(run, reader);
});

test("nats-server is killed in mid-run and started again", async () => {
  await using stack = await startStack();
  const until = join(stack.directory, "end");
  const run = await stack.client.submitJob({ name: freshName(), script: counting(until), on: "alpha" });
  const reader = new LineReader(run);
  await reader.lines(20);
  const [node] = stack.nats.nodes;
  await node?.kill("SIGKILL");
  await node?.start();
  await reader.more(20);
  await touch(until);
  await expectWhole(run, reader);
  const again = await stack.client.submitJob({ name: freshName(), script: "echo again", on: "alpha" });
  expect(await again.result()).toMatchObject({ state: "completed" });
});

test("one of three nats-servers is killed in mid-run, and each of the others after it", async () => {
  await using stack = await startStack({ isCluster: true, servers: 2 });
  const until = join(stack.directory, "end");
  const run = await stack.client.submitJob({ name: freshName(), script: counting(until), on: "alpha" });
  const reader = new LineReader(run);
  for (const node of stack.nats.nodes) {
    await reader.more(20);
    await node.kill("SIGKILL");
    await reader.more(20);
    await node.start();
    await replicated(stack.nats.url);
  }
  await touch(until);
  await expectWhole(run, reader);
}, 120_000);

test("an agent is killed in mid-run: the script goes on, and the next agent takes it up", async () => {
  await using stack = await startStack();
  await stack.agents[0]?.stop();
  const env = agentEnv(stack);
  const first = startAgentProcess(env);
  const until = join(stack.directory, "end");
  const run = await stack.client.submitJob({
    name: freshName(),
    script: `echo $$ > ${until}.pid; ${counting(until)}`,
    on: "alpha",
  });
  const reader = new LineReader(run);
  await reader.lines(20);
  await first.kill("SIGKILL");
  await using _ = startAgentProcess(env);
  await reader.more(20);
  await touch(until);
  await expectWhole(run, reader);
});

test("agent, supervisor and NATS are killed in mid-run: the next agent ends what is left before NATS is back", async () => {
  await using stack = await startStack();
  await stack.agents[0]?.stop();
  const env = agentEnv(stack);
  const first = startAgentProcess(env);
  const file = join(stack.directory, "end");
  const note = `read -r -a stat </proc/$$/stat; echo "$$ \${stat[21]}" >${file}.pid`;
  const run = await stack.client.submitJob({
    name: freshName(),
    script: `trap '' HUP; ${note}; ${counting(file)}`,
    on: "alpha",
  });
  await new LineReader(run).lines(20);
  const [pid = 0, startTicks = 0] = (await readFile(`${file}.pid`, "utf8")).split(" ").map(Number);
  const [supervisor] = findPids(["--state-dir", env["JOBS_AGENT_STATE_DIR"] ?? ""]);
  const [node] = stack.nats.nodes;
  await node?.kill("SIGKILL");
  await first.kill("SIGKILL");
  process.kill(supervisor ?? 0, "SIGKILL");
  expect(isAlive({ pid, startTicks })).toBe(true);
  await using _ = startAgentProcess(env);
  await expect.poll(() => isAlive({ pid, startTicks }), { timeout: 20_000 }).toBe(false);
  await node?.start();
  expect(await run.result()).toMatchObject({ state: "failed", reason: "supervisor-ended" });
}, 60_000);

async function touch(file: string): Promise<void> {
  await writeFile(file, "");
}

async function appears(file: string): Promise<void> {
  for (;;) {
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
