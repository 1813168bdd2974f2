/** Several servers on one NATS, each a process of its own: one decides, and whatever happens to it, nothing is decided twice. */
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { connectNats } from "@jobs/core/jetstream";
import { connect, type JobsClient } from "@jobs/sdk";
import { expect, test } from "vitest";
import { Gate } from "./chaos/gate.ts";
import { counting, expectWhole, LineReader } from "./support/counting-run.ts";
import { healthOf } from "./support/health.ts";
import { startServerProcess, type RunningProcess } from "./support/processes.ts";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

const TAKE_OVER_MS = 5_000;
const START_MS = 10_000;

interface ServerUnderTest {
  readonly process: RunningProcess;
  readonly id: string;
  readonly url: string;
  readonly client: JobsClient;
}

interface Pair extends AsyncDisposable {
  readonly stack: Stack;
  readonly deciding: ServerUnderTest;
  readonly other: ServerUnderTest;
}

/** Two servers in processes of their own and an agent; both servers agree on which of them decides. */
async function startPair(): Promise<Pair> {
  const stack = await startStack();
  await stack.servers[0]?.stop();
  const processes = [startServerProcess(serverEnv(stack)), startServerProcess(serverEnv(stack))];
  const dispose = async (): Promise<void> => {
    for (const one of processes) await one[Symbol.asyncDispose]();
    await stack[Symbol.asyncDispose]();
  };
  try {
    const servers = await Promise.all(processes.map(underTest));
    let holder: string | undefined;
    await expect
      .poll(
        async () => {
          const answers = await Promise.all(servers.map(({ url }) => healthOf(url)));
          holder = answers[0]?.deciding;
          return answers.every((one) => one.httpStatus === 200 && one.deciding === holder);
        },
        { timeout: START_MS },
      )
      .toBe(true);
    const deciding = servers.find(({ id }) => id === holder);
    const other = servers.find(({ id }) => id !== holder);
    if (deciding === undefined || other === undefined) throw new Error(`none of the two servers decides: ${holder}`);
    return { stack, deciding, other, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function underTest(process: RunningProcess): Promise<ServerUnderTest> {
  const { url, server } = await process.line("listening");
  return { process, id: String(server), url: String(url), client: connect({ url: String(url), token: TOKEN }) };
}

function serverEnv(stack: Stack): Record<string, string> {
  return {
    NATS_URL: stack.nats.urls.join(","),
    NATS_USER: "server",
    NATS_PASSWORD: "server",
    JOBS_LISTEN_PORT: "0",
    JOBS_TOKENS: `tester:${TOKEN}`,
    JOBS_SECRET: "0123456789abcdef0123456789abcdef",
    JOBS_ARTIFACTS_DIR: join(stack.directory, "artifacts"),
  };
}

async function expectToDecide(server: ServerUnderTest): Promise<void> {
  await expect
    .poll(() => healthOf(server.url), { interval: 20, timeout: TAKE_OVER_MS })
    .toMatchObject({ httpStatus: 200, deciding: server.id });
}

/** The lines that scripts appended to a file: one for each time that one of them ran. */
async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, "utf8")).split("\n").slice(0, -1);
}

test("of two submissions of one job at the same instant to two processes exactly one starts, and the other is told which", async () => {
  await using pair = await startPair();
  const { stack, deciding, other } = pair;
  for (let round = 0; round < 10; round++) {
    const name = freshName();
    const until = join(stack.directory, `until-${round}`);
    const count = join(stack.directory, `count-${round}`);
    const script = `echo $JOBS_RUN >> ${count}; while [ ! -e ${until} ]; do sleep 0.01; done`;
    const outcomes = await Promise.allSettled(
      [deciding, other].map(({ client }) => client.submitJob({ name, script, on: "alpha" })),
    );
    const accepted = outcomes.filter((one) => one.status === "fulfilled").map((one) => one.value);
    const rejected = outcomes.filter((one) => one.status === "rejected").map((one) => one.reason as Error);
    expect([accepted.length, rejected.length]).toEqual([1, 1]);
    const [run] = accepted;
    expect(rejected[0]).toMatchObject({ code: "job-busy", details: { run: run?.id, submittedBy: "tester" } });
    expect(rejected[0]?.message).toContain(run?.id);
    await writeFile(until, "");
    expect(await run?.result()).toMatchObject({ state: "completed", exitCode: 0 });
    expect(await linesOf(count)).toEqual([run?.id]);
    expect(await other.client.listRuns({ job: name })).toHaveLength(1);
  }
}, 60_000);

test("the deciding server is killed between two tries of a run: the other has it tried again, not before its time", async () => {
  await using pair = await startPair();
  const { stack, deciding, other } = pair;
  const count = join(stack.directory, "count");
  const script = `echo "$JOBS_ATTEMPT_NUMBER $(date +%s%3N)" >> ${count}; [ $JOBS_ATTEMPT_NUMBER = 3 ]`;
  const retry = { count: 5, backoff: { kind: "fixed", delayMs: 3_000 } } as const;
  const { id } = await deciding.client.submitJob({ name: freshName(), script, on: "alpha", retry });
  const waiting = async (): Promise<string | undefined> => (await other.client.getRun(id)).waitingFor;
  await expect.poll(waiting, { timeout: START_MS, interval: 10 }).toBe("retry");
  await deciding.process.kill("SIGKILL");
  const settled = await (await other.client.run(id)).settled();
  expect(settled).toMatchObject({ state: "completed", attempt: 3 });
  const tries = (await linesOf(count)).map((line) => line.split(" ").map(Number));
  expect(tries.map(([attempt]) => attempt)).toEqual([1, 2, 3]);
  for (const [index, { log, retryAt }] of (settled.attempts ?? []).entries()) {
    expect(log).toMatchObject({ complete: true });
    if (retryAt !== undefined) expect(tries[index + 1]?.[1]).toBeGreaterThanOrEqual(Date.parse(retryAt));
  }
}, 60_000);

test("the deciding server is killed in mid-run: the other takes over, the log has no gap, the result arrives", async () => {
  await using pair = await startPair();
  const { stack, deciding, other } = pair;
  const until = join(stack.directory, "end");
  // Handed in at the server that dies: what it told the agent must outlive it.
  const { id } = await deciding.client.submitJob({ name: freshName(), script: counting(until), on: "alpha" });
  const run = await other.client.run(id);
  const reader = new LineReader(run);
  await reader.lines(20);
  await deciding.process.kill("SIGKILL");
  // Nobody decides yet: it waits for the take-over.
  const meanwhile = other.client.submitJob({ name: freshName(), script: "echo meanwhile", on: "alpha" });
  await expectToDecide(other);
  await reader.more(20);
  expect(await (await meanwhile).result()).toMatchObject({ state: "completed" });
  await expect(other.client.submitJob({ name: run.job, script: "echo", on: "alpha" })).rejects.toMatchObject({
    code: "job-busy",
    details: { run: id },
  });
  await writeFile(until, "");
  await expectWhole(run, reader);
  const after = await other.client.submitJob({ name: run.job, script: "echo after", on: "alpha" });
  expect(await after.result()).toMatchObject({ state: "completed" });
}, 60_000);

test("the deciding server sleeps and wakes up: it decides nothing on what it remembers, and both agree afterwards", async () => {
  await using pair = await startPair();
  const { stack, deciding, other } = pair;
  const [until, count] = [join(stack.directory, "end"), join(stack.directory, "count")];
  const through = await deciding.client.submitJob({ name: freshName(), script: counting(until), on: "alpha" });
  const reader = new LineReader(await other.client.run(through.id));
  await reader.lines(20);
  const short = await other.client.submitJob({
    name: freshName(),
    script: `while [ ! -e ${until}-short ]; do sleep 0.01; done; echo short >> ${count}`,
    on: "alpha",
  });
  await expect.poll(() => deciding.client.getRun(short.id)).toMatchObject({ state: "running" });
  deciding.process.signal("SIGSTOP");
  // This one reaches the server in its sleep; it is answered after it, with the same run as everywhere else.
  const request = { name: freshName(), script: `echo key >> ${count}`, on: "alpha", key: "k" };
  const toSleeper = deciding.client.submitJob(request);
  await expectToDecide(other);
  const byOther = await other.client.submitJob(request);
  expect(await byOther.result()).toMatchObject({ state: "completed" });
  // The sleeper remembers a live run of this job; it ends, and the next one lives when the sleeper wakes up.
  await writeFile(`${until}-short`, "");
  expect(await short.result()).toMatchObject({ state: "completed" });
  const next = await other.client.submitJob({
    name: short.job,
    script: `echo next >> ${count}; while [ ! -e ${until} ]; do sleep 0.01; done`,
    on: "alpha",
  });
  await expect.poll(() => other.client.getRun(next.id)).toMatchObject({ state: "running" });
  deciding.process.signal("SIGCONT");
  expect((await toSleeper).id).toBe(byOther.id);
  await expect(deciding.client.submitJob({ name: short.job, script: "echo never", on: "alpha" })).rejects.toMatchObject(
    { code: "job-busy", details: { run: next.id } },
  );
  for (const { url } of [deciding, other])
    await expect.poll(() => healthOf(url)).toMatchObject({ httpStatus: 200, deciding: other.id });
  await reader.more(20);
  await writeFile(until, "");
  await expectWhole(await other.client.run(through.id), reader);
  await (await other.client.run(next.id)).settled();
  const seen = await other.client.listRuns();
  expect(seen.map(({ run }) => run).toSorted()).toEqual([through, short, byOther, next].map(({ id }) => id).toSorted());
  await expect.poll(() => deciding.client.listRuns()).toEqual(seen);
  expect(await linesOf(count)).toEqual(["key", "short", "next"]);
}, 60_000);

test("a submission that was passed on to the deciding server in its sleep is accepted by the next one, not waited for", async () => {
  await using pair = await startPair();
  const { deciding, other } = pair;
  deciding.process.signal("SIGSTOP");
  const input = { name: freshName(), script: "echo awake", on: "alpha" };
  const run = await other.client.submitJob(input, { timeoutMs: 8_000 });
  expect(await run.result()).toMatchObject({ state: "completed" });
}, 60_000);

test.each(["refused", "frozen", "deaf"] as const)(
  "the way of the deciding server to NATS is %s: the other decides, and accepts what is submitted meanwhile, in time",
  async (state) => {
    await using stack = await startStack();
    await stack.servers[0]?.stop();
    await using gate = await Gate.to(stack.nats.url);
    await using deciding = startServerProcess({ ...serverEnv(stack), NATS_URL: gate.url });
    await expectToDecide(await underTest(deciding));
    await using process = startServerProcess(serverEnv(stack));
    const other = await underTest(process);
    gate.set(state);
    const input = { name: freshName(), script: "echo hi", on: "alpha" };
    const run = await other.client.submitJob(input, { timeoutMs: TAKE_OVER_MS });
    expect(await run.result()).toMatchObject({ state: "completed" });
    await expectToDecide(other);
  },
  60_000,
);

test("a server whose connection breaks as it writes goes on as soon as it is back: nothing waits for answers that went with it", async () => {
  await using stack = await startStack();
  await stack.servers[0]?.stop();
  await using gate = await Gate.to(stack.nats.url);
  await using deciding = startServerProcess({ ...serverEnv(stack), NATS_URL: gate.url });
  const server = await underTest(deciding);
  await expectToDecide(server);
  await using other = startServerProcess(serverEnv(stack));
  const witness = await underTest(other);
  const job = freshName();
  gate.set("deaf");
  const startedAt = performance.now();
  const submit = (key: number) =>
    server.client.submitJob({ name: job, key: `${key}`, script: "echo hi", on: "alpha", overlap: "allow" });
  const submitted = Array.from({ length: 20 }, (_, key) => submit(key));
  // It is stored, so it was sent, and its answer does not come.
  await expect.poll(async () => (await witness.client.listRuns({ job })).length, { interval: 20 }).toBeGreaterThan(0);
  gate.set("refused");
  gate.set("open");
  const runs = await Promise.all(submitted);
  expect(performance.now() - startedAt).toBeLessThan(TAKE_OVER_MS);
  for (const run of runs) expect(await run.result()).toMatchObject({ state: "completed" });
  expect(await witness.client.listRuns({ job })).toHaveLength(20);
}, 60_000);

test.each([
  ["the deciding server, killed as soon as it has the request", "deciding", false],
  ["the deciding server, killed as soon as the run is known", "deciding", true],
  ["a server that passes it on, killed as soon as it has the request", "other", false],
  ["a server that passes it on, killed as soon as the run is known", "other", true],
] as const)(
  "a submission whose answer is lost may be sent again to another server: one run, run once; lost by %s",
  async (_, role, isKnown) => {
    await using pair = await startPair();
    const { stack } = pair;
    const [lost, left] = role === "deciding" ? [pair.deciding, pair.other] : [pair.other, pair.deciding];
    const count = join(stack.directory, "count");
    const input = { name: freshName(), script: `echo $JOBS_RUN >> ${count}`, on: "alpha", key: "once" };
    const listed = async (): Promise<number> => (await left.client.listRuns({ job: input.name })).length;
    await sendOnly(lost.url, JSON.stringify(input));
    if (isKnown) await expect.poll(listed, { interval: 1 }).toBe(1);
    await lost.process.kill("SIGKILL");
    const run = await left.client.submitJob(input);
    expect(await run.result()).toMatchObject({ state: "completed", exitCode: 0 });
    await run.settled();
    expect(await listed()).toBe(1);
    expect(await linesOf(count)).toEqual([run.id]);
    await expectToDecide(left);
    expect(await left.client.submitJob(input)).toMatchObject({ id: run.id, known: true });
    expect(await linesOf(count)).toEqual([run.id]);
  },
  60_000,
);

test("a server that starts while JetStream has no leader waits for it, as for NATS itself", async () => {
  await using stack = await startStack({ isCluster: true });
  await stack.servers[0]?.stop();
  const others = stack.nats.nodes.slice(1);
  for (const node of others) await node.kill("SIGKILL");
  await using process = startServerProcess(serverEnv(stack));
  expect(await process.line("JetStream is not ready")).toMatchObject({
    level: 40,
    err: { message: expect.any(String) },
  });
  for (const node of others) await node.start();
  const server = await underTest(process);
  const run = await server.client.submitJob({ name: freshName(), script: "echo hi", on: "alpha" });
  expect(await run.result()).toMatchObject({ state: "completed" });
}, 60_000);

test("a server that starts begins only when all it sees is certainly all that is stored, and knows its agents then", async () => {
  await using stack = await startStack();
  await stack.servers[0]?.stop();
  const link = await connectNats({ url: stack.nats.url, user: "server", password: "server", name: "test" });
  await using _ = { [Symbol.asyncDispose]: () => link.connection.close() };
  const { streams } = link.jsm;
  await streams.update("KV_agents", { max_msgs: 1, discard: "new" }); // there is one agent: no mark can be stored
  await using process = startServerProcess(serverEnv(stack));
  expect(await process.line("the view of what is stored is not confirmed")).toMatchObject({
    level: 40,
    err: { message: expect.stringContaining("maximum messages exceeded") },
  });
  await streams.update("KV_agents", { max_msgs: -1, discard: "old" });
  const server = await underTest(process);
  const run = await server.client.submitJob({ name: freshName(), script: "echo hi", on: "alpha" });
  expect(await run.result()).toMatchObject({ state: "completed" });
}, 60_000);

/** Sends a submission and resolves once the kernel has all of it; what the server answers is lost. */
function sendOnly(url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const sent = request(`${url}/v1/runs`, { method: "POST", headers, agent: false });
    sent.on("response", (response) => response.resume().on("error", () => undefined));
    sent.on("error", (error) => (sent.writableFinished ? undefined : reject(error)));
    sent.end(body, () => resolve());
  });
}
