// @ts-check
/**
 * Jobs as in production: nats-server (every write synced), server, agent and its supervisor, each a process of its own,
 * on a fresh store on loopback; the agent is a NATS user with an agent's rights. The submitter is this process.
 */
import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { agentPermissions } from "@jobs/core/jetstream";
import { defaultCacheDir, findNatsServer, NatsServerProcess } from "@jobs/core/nats-server";
import { connect } from "@jobs/sdk";
import { findPids } from "../processes.mjs";
import { onCleanUp, startProcess } from "../resources.mjs";
import { FilledHistory } from "./jobs-history.mjs";

/** @import { JobsClient, RunView } from "@jobs/sdk" */
/** @import { FirstByte, LogWay, StartOptions, Submissions, System, Work } from "../words.d.ts" */

const AGENT = "alpha";
const TOKEN = "benchmark-token";
const SERVER_PROGRAM = fileURLToPath(new URL("../bin/jobs-server", import.meta.resolve("@jobs/server")));
/** The built programs lie beside the doors of their packages. */
const SERVER_MAIN = fileURLToPath(new URL("main.js", import.meta.resolve("@jobs/server")));
const AGENT_MAIN = fileURLToPath(new URL("main.js", import.meta.resolve("@jobs/agent")));
const PACKAGE = new URL("../../package.json", import.meta.url);
const POLL_MS = 20;
const START_LIMIT_MS = 30_000;

/**
 * @param {StartOptions} options
 * @returns {Promise<System>}
 */
export async function startJobs({ directory, cpuProfDir }) {
  const stateDir = join(directory, "agent");
  const natsDir = join(directory, "nats");
  let nats = await startNats(natsDir);
  const profile = cpuProfDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${cpuProfDir}`];
  const env = { ...process.env, NODE_ENV: "production", NATS_URL: nats.url };
  const startServer = async () => {
    // Only Node's own command line takes the flags of a profile.
    const [program, args] =
      profile.length === 0
        ? [SERVER_PROGRAM, []]
        : [process.execPath, [...profile, "--max-semi-space-size=64", SERVER_MAIN]];
    const started = startProcess(program, args, {
      env: {
        ...env,
        NATS_URL: nats.url,
        NATS_USER: "server",
        NATS_PASSWORD: "server",
        JOBS_LISTEN_PORT: "0",
        JOBS_TOKENS: `benchmark:${TOKEN}`,
        JOBS_SECRET: "a secret of benchmarks only",
        JOBS_ARTIFACTS_DIR: join(directory, "artifacts"),
      },
    });
    const [, url = ""] = await started.printed(/"url":"([^"]+)","msg":"listening"/);
    return { ...started, client: connect({ url, token: TOKEN }) };
  };
  let server = await startServer();
  const { client } = server;
  onCleanUp(() => stopSupervisor(stateDir));
  const agent = startProcess(process.execPath, [...profile, AGENT_MAIN], {
    env: {
      ...env,
      NATS_USER: AGENT,
      NATS_PASSWORD: AGENT,
      JOBS_AGENT_ID: AGENT,
      JOBS_AGENT_NAME: AGENT,
      JOBS_AGENT_STATE_DIR: stateDir,
    },
  });
  await inContact(client);
  const { version } = JSON.parse(await readFile(PACKAGE, "utf8"));
  return {
    peer: "jobs",
    version: `jobs ${version}`,
    lineEnd: "\r\n",
    remembersScripts: true,
    firstByte: (script, name) => firstByte(client, script, name),
    logWays: [logWay(client)],
    submissions: submissionsOf(client),
    history: {
      fill: async (count) => {
        await server.stop();
        await nats.stop();
        const filled = new FilledHistory(count);
        nats = await startNats(natsDir, { syncAlways: false });
        await filled.write(nats.url);
        await nats.stop();
        nats = await startNats(natsDir);
        return filled;
      },
      restart: async () => {
        const started = performance.now();
        server = await startServer();
        return (performance.now() - started) / 1000;
      },
      serverPid: async () => server.pid,
      page: async (filter) => (await server.client.pageRuns(filter)).next,
      count: (filter) => server.client.countRuns(filter),
    },
    processes: async () => [
      { name: "nats-server", pid: nats.pid ?? 0 },
      { name: "server", pid: server.pid },
      { name: "agent", pid: agent.pid },
      ...(await findSupervisors(stateDir)).map((pid) => ({ name: "supervisor", pid })),
    ],
    stop: async () => {
      await agent.stop();
      await stopSupervisor(stateDir);
      await server.stop();
      await nats.stop();
    },
  };
}

/**
 * @param {string} dataDir
 * @param {{ syncAlways: boolean }} options
 */
async function startNats(dataDir, { syncAlways } = { syncAlways: true }) {
  const { file } = await findNatsServer({
    cacheDir: defaultCacheDir(process.env, homedir()),
    path: process.env["PATH"] ?? "",
    log: () => undefined,
  });
  await mkdir(dataDir, { recursive: true });
  const users = [
    { user: "server", password: "server" },
    { user: AGENT, password: AGENT, permissions: agentPermissions(AGENT) },
  ];
  const nats = new NatsServerProcess({ file, dataDir, serverName: "benchmark", users, syncAlways });
  onCleanUp(() => nats.stop());
  await nats.start();
  return nats;
}

/** @param {JobsClient} client */
async function inContact(client) {
  const giveUpAt = performance.now() + START_LIMIT_MS;
  while (!(await client.listAgents()).some(({ inContact }) => inContact)) {
    if (performance.now() > giveUpAt) throw new Error("the agent is not in contact with the server");
    await delay(POLL_MS);
  }
}

/** @param {string} stateDir */
async function findSupervisors(stateDir) {
  return findPids(["--state-dir", stateDir]);
}

/**
 * It outlives its agent, so it is ended by itself.
 *
 * @param {string} stateDir
 */
async function stopSupervisor(stateDir) {
  for (const pid of await findSupervisors(stateDir)) process.kill(pid, "SIGTERM");
  while ((await findSupervisors(stateDir)).length > 0) await delay(POLL_MS);
}

/**
 * @param {JobsClient} client
 * @param {string} script
 * @param {string} name
 * @returns {Promise<FirstByte>}
 */
async function firstByte(client, script, name) {
  const startedAt = Date.now();
  const started = performance.now();
  const sinceStart = () => performance.now() - started;
  const run = await client.submitJob({ name, script, on: AGENT });
  const acknowledged = sinceStart();
  let firstMs;
  let text = "";
  for await (const chunk of run.logs()) {
    firstMs ??= sinceStart();
    text += chunk.text;
  }
  const { state } = await run.settled();
  if (firstMs === undefined || state !== "completed") throw new Error(`“${name}” has ${state}: ${run.view.sentence}`);
  return { firstMs, text, marks: { acknowledged, ...marksOf(run.view, startedAt), "first byte": firstMs } };
}

/**
 * With everything paused, the agent is in contact and nothing starts.
 *
 * @param {JobsClient} client
 * @returns {Submissions}
 */
function submissionsOf(client) {
  const input = (/** @type {Work} */ { atMs, name, script }) =>
    /** @type {const} */ ({
      name,
      script,
      on: AGENT,
      overlap: "queue",
      queueLimit: 1000,
      ...(atMs === undefined ? {} : { at: new Date(atMs).toISOString() }),
    });
  return {
    hold: async () => void (await client.pauseAll()),
    one: (work) => client.submitJob(input(work)),
    async many(works) {
      const wrong = (await client.submitJobs(works.map(input))).find((one) => one instanceof Error);
      if (wrong !== undefined) throw wrong;
    },
  };
}

/**
 * Instants of the record are whole milliseconds of the server's clock, which is this machine's.
 *
 * @param {RunView} view
 * @param {number} startedAt
 */
function marksOf({ times }, startedAt) {
  const at = (/** @type {string | undefined} */ instant) => new Date(instant ?? Number.NaN).getTime() - startedAt;
  return {
    "record made": at(times.submittedAt),
    "seen running": at(times.runningAt),
    ended: at(times.endedAt),
    settled: at(times.settledAt),
  };
}

/**
 * @param {JobsClient} client
 * @returns {LogWay}
 */
function logWay(client) {
  let count = 0;
  return {
    async read(script, onBytes) {
      const startedAt = Date.now();
      const run = await client.submitJob({ name: `log ${++count}`, script, on: AGENT });
      for await (const { bytes } of run.logs()) onBytes(bytes);
      if (run.log?.complete !== true) throw new Error(`the log is not complete: ${JSON.stringify(run.log)}`);
      return marksOf(await run.settled(), startedAt);
    },
  };
}
