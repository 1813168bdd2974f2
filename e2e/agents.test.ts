/** Agents that leave, agents that lie, and agents that are there before anything else is. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startAgent } from "@jobs/agent";
import type { Evidence } from "@jobs/core";
import { agentInboxPrefix, agentPermissions, connectNats, EvidenceStore, LogStore } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { connect } from "@jobs/sdk";
import { expect, test } from "vitest";
import { counting, expectWhole, LineReader } from "./support/counting-run.ts";
import { startAgentProcess, startServerProcess } from "./support/processes.ts";
import { agentEnv, freshName, startStack, TOKEN } from "./support/stack.ts";

test("an agent is gone for good before it took its run: the run stays pending, and a cancel waits for proof of the host", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const agentOf = async () => (await client.listAgents()).find(({ id }) => id === "alpha");
  await stack.agents[0]?.stop();
  const killed = startAgentProcess(agentEnv(stack));
  await expect.poll(agentOf, { timeout: 15_000 }).toMatchObject({ inContact: true });
  await killed.kill("SIGKILL");
  const count = join(stack.directory, "count");
  const run = await client.submitJob({ name: freshName(), script: `echo ran >> ${count}`, on: "alpha" });
  expect(run.view).toMatchObject({ state: "pending", attempt: 1 }); // the agent was in contact a moment ago
  await expect.poll(agentOf, { timeout: 30_000 }).toMatchObject({ inContact: false, assigned: 1 });
  const handed = await client.getRun(run.id);
  expect(handed).toMatchObject({ state: "pending", attempt: 1 });
  expect(handed.sentence).toMatch(/alpha.*not (started|taken)/);
  const requested = await run.cancel();
  expect(requested).toMatchObject({ state: "pending", cancelRequestedBy: "tester" });
  expect(requested.sentence).toContain("tester asked to cancel it; the host has not confirmed yet.");
  await expect(client.submitJob({ name: run.job, script: "echo", on: "alpha" })).rejects.toMatchObject({
    code: "job-busy",
    details: { run: run.id },
  });
  await stack.startAgent("alpha");
  const result = await run.result();
  expect(result).toMatchObject({ state: "cancelled", reason: "cancelled-by" });
  expect(result.sentence).toContain("Cancelled by tester before it started.");
  // Whatever was meant for the first attempt has been dealt with once the next run of the job has ended.
  const after = await client.submitJob({ name: run.job, script: `echo after >> ${count}; cat ${count}`, on: "alpha" });
  expect(await after.result()).toMatchObject({ state: "completed" });
  let text = "";
  for await (const chunk of after.logs()) text += chunk.text;
  expect(text).toBe("after\r\n");
}, 60_000);

test("an agent that is stopped is given nothing more: its runs wait for it, and those for any host go to another", async () => {
  await using stack = await startStack({
    agents: ["alpha", "beta"],
    labels: { alpha: { role: "web", disk: "fast" }, beta: { role: "web" } },
  });
  const { client } = stack;
  await stack.agents[0]?.stop();
  const contacts = async (): Promise<boolean[]> => (await client.listAgents()).map(({ inContact }) => inContact);
  await expect.poll(contacts, { timeout: 5_000 }).toEqual([false, true]); // by its silence it would take 13 s
  const own = { name: freshName(), script: "echo own", on: "alpha" };
  await expect(client.submitJob({ ...own, whenUnavailable: "reject" })).rejects.toMatchObject({
    code: "agent-unavailable",
  });
  const waiting = await client.submitJob(own);
  expect(waiting.view).toMatchObject({ state: "pending", waitingFor: "agent" });
  const any = await client.submitJob({
    name: freshName(),
    script: "echo any",
    on: { any: "role=web", prefer: ["disk=fast"] },
  });
  expect(await any.result()).toMatchObject({ state: "completed" });
  expect(await any.settled()).toMatchObject({ on: "beta" });
  await stack.startAgent("alpha");
  expect(await waiting.result()).toMatchObject({ state: "completed" });
}, 60_000);

test("a run that its host has forgotten, and that is cancelled then, is not answered for: an operator may resolve it", async () => {
  await using stack = await startStack();
  const { client } = stack;
  const run = await client.submitJob({ name: freshName(), script: "echo $PPID; sleep 100000", on: "alpha" });
  let supervisor = 0;
  for await (const { text } of run.logs()) {
    supervisor = Number.parseInt(text, 10);
    break;
  }
  await expect.poll(async () => await client.getRun(run.id)).toMatchObject({ state: "running" });
  await stack.agents[0]?.stop();
  process.kill(supervisor, "SIGKILL");
  await rm(join(stack.directory, "agent-alpha", "journal")); // as a disk that was restored from before the start
  await stack.startAgent("alpha");
  expect(await run.cancel()).toMatchObject({ state: "running", cancelRequestedBy: "tester" });
  // Beats list it again since the cancel, and as refused.
  await expect
    .poll(async () => (await client.getRun(run.id)).silentSince, { timeout: 20_000 })
    .toEqual(expect.any(String));
  expect(await client.resolveRun(run.id, "looked on the host")).toMatchObject({ state: "failed", reason: "lost" });
  expect(await client.listAgents()).toMatchObject([{ inContact: true }]);
  const next = await client.submitJob({ name: run.job, script: "echo next", on: "alpha" });
  expect(await next.result()).toMatchObject({ state: "completed" });
}, 60_000);

test("what an agent says of another agent's attempt changes nothing", async () => {
  await using stack = await startStack({ agents: ["alpha", "beta"] });
  const { client } = stack;
  const until = join(stack.directory, "end");
  const run = await client.submitJob({ name: freshName(), script: counting(until), on: "alpha" });
  const reader = new LineReader(run);
  await reader.lines(20);
  const before = await client.getRun(run.id);
  expect(before).toMatchObject({ state: "running", attempt: 1 });
  const options = { user: "beta", password: "beta", name: "test", inboxPrefix: agentInboxPrefix("beta") };
  const link = await connectNats({ url: stack.nats.url, ...options });
  try {
    const evidence = new EvidenceStore(link);
    const at = new Date().toISOString();
    const exited: Evidence = {
      v: 1,
      job: run.job,
      run: run.id,
      attempt: 1,
      fence: { epoch: "1", sequence: 1_000_000 },
      session: "beta",
      revision: 1_000_000,
      phase: "exited",
      startedAt: at,
      exitedAt: at,
      exit: { exitCode: 0 },
      log: { lengthBytes: 0 },
      shippedBytes: 0,
      artifacts: [],
    };
    await evidence.put("beta", exited);
    const refusal = { code: "payload-invalid", message: "no" } as const;
    await evidence.put("beta", { ...exited, phase: "refused", refusal, revision: 1_000_001 });
    await new LogStore(link).append(
      { agent: "beta", run: run.id, attempt: 1 },
      { offset: 0, bytes: Buffer.from("forged\r\n") },
    );
    await expect(evidence.put("alpha", exited)).rejects.toThrow(/permission|authoriz/i);
    // Evidence is heard in order: what came before that of this run was heard when it has ended.
    for (const on of ["alpha", "beta"]) {
      const other = await client.submitJob({ name: freshName(), script: "echo heard", on });
      expect(await other.result()).toMatchObject({ state: "completed" });
    }
    expect(await client.getRun(run.id)).toEqual(before);
    await expect(client.submitJob({ name: run.job, script: "echo", on: "beta" })).rejects.toMatchObject({
      code: "job-busy",
    });
    await reader.more(20);
  } finally {
    await link.connection.close();
  }
  await writeFile(until, "");
  await expectWhole(run, reader);
  expect(await run.settled()).toMatchObject({ on: "alpha", attempt: 1 });
}, 60_000);

test.each([1, 2, 3])(
  "on an empty store, agent and server are started at the same time, the agent first: the first run completes (%i)",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "jobs-e2e-"));
    const users = [
      { user: "server", password: "server" },
      { user: "alpha", password: "alpha", permissions: agentPermissions("alpha") },
    ];
    await using nats = await startNats({ users });
    const stateDir = join(directory, "agent");
    try {
      await using agent = startAgentProcess({
        NATS_URL: nats.url,
        NATS_USER: "alpha",
        NATS_PASSWORD: "alpha",
        JOBS_AGENT_ID: "alpha",
        JOBS_AGENT_NAME: "alpha",
        JOBS_AGENT_STATE_DIR: stateDir,
      });
      await using server = startServerProcess({
        NATS_URL: nats.url,
        NATS_USER: "server",
        NATS_PASSWORD: "server",
        JOBS_LISTEN_PORT: "0",
        JOBS_TOKENS: `tester:${TOKEN}`,
        JOBS_SECRET: "0123456789abcdef0123456789abcdef",
        JOBS_ARTIFACTS_DIR: join(directory, "artifacts"),
      });
      const client = connect({ url: String((await server.line("listening"))["url"]), token: TOKEN });
      await expect.poll(() => client.listAgents(), { timeout: 15_000 }).toHaveLength(1);
      // At once, whether it is in contact by now or not.
      const run = await client.submitJob({ name: freshName(), script: "echo first", on: "alpha" });
      let text = "";
      for await (const chunk of run.logs()) text += chunk.text;
      expect(text).toBe("first\r\n");
      expect(await run.result()).toMatchObject({ state: "completed", exitCode: 0 });
      await run.settled();
      await agent.kill("SIGKILL");
    } finally {
      // The supervisor outlives its agent: the next agent ends it.
      const user = { url: nats.url, user: "alpha", password: "alpha" };
      const last = await startAgent({ nats: user, id: "alpha", stateDir, env: process.env });
      await last.end(0);
      await rm(directory, { recursive: true, force: true });
    }
  },
);
