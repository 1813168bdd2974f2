/**
 * A whole system of which every part is a process of its own: nats-server (one, or a cluster of three), three servers on
 * it, agents with their supervisors; each server and agent reaches each nats-server through a gate of its own.
 */
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { agentPermissions } from "@jobs/core/jetstream";
import { startNats, startNatsCluster, type NatsFixture } from "@jobs/core/testing";
import { connect, type JobsClient } from "@jobs/sdk";
import { healthOf } from "../support/health.ts";
import { freePort } from "./free-port.ts";
import { Gate, type GateState } from "./gate.ts";
import { guardSystem, SYSTEM_VARIABLE } from "./guard.ts";
import { findPids } from "./proc.ts";
import { Program } from "./program.ts";

const SERVER_MAIN = fileURLToPath(new URL("../../packages/server/dist/main.js", import.meta.url));
const AGENT_MAIN = fileURLToPath(new URL("../../packages/agent/dist/main.js", import.meta.url));
const TOKEN = "chaos-token";
const SERVERS = 3;
const POLL_MS = 50;
/** A supervisor gives its scripts 10 s to end. */
const SUPERVISOR_END_MS = 15_000;

export interface SystemOptions {
  readonly nodes: 1 | 3;
  readonly agents: number;
  readonly onMisbehaviour: (program: string, what: string) => void;
}

/** A server or an agent, and its ways to NATS. */
interface Part {
  readonly program: Program;
  readonly setGates: (state: GateState) => void;
}

export interface ServerPart extends Part {
  readonly url: string;
  readonly client: JobsClient;
  /** Another client, as of another tool. */
  readonly connect: () => JobsClient;
}

export interface HostPart extends Part {
  readonly agent: string;
  /** The supervisor's process id; undefined while there is none. */
  readonly findSupervisor: () => number | undefined;
}

export interface ChaosSystem extends AsyncDisposable {
  /** Marks, logs of all processes, state folders. */
  readonly directory: string;
  readonly nats: NatsFixture;
  readonly servers: readonly ServerPart[];
  readonly hosts: readonly HostPart[];
  /** Resolves once every server is well and every agent in contact with each; rejects when the signal comes first. */
  whole(signal: AbortSignal): Promise<void>;
  /** The server that decides, as the servers that answer see it; undefined while they do not agree. */
  findDeciding(): Promise<ServerPart | undefined>;
  /** Removes what it wrote to the disk; without it the folder stays, to be looked at. */
  forget(): Promise<void>;
}

export async function startSystem(options: SystemOptions): Promise<ChaosSystem> {
  const directory = await mkdtemp(join(tmpdir(), "jobs-chaos-"));
  const guard = guardSystem(directory);
  const agents = Array.from({ length: options.agents }, (_, index) => `host-${index + 1}`);
  const users = [
    { user: "server", password: "server" },
    ...agents.map((name) => ({ user: name, password: name, permissions: agentPermissions(name) })),
  ];
  // Told of the other nodes' own addresses, a client would go around its gates.
  const nats = await (options.nodes === 3 ? startNatsCluster({ users, isAdvertised: false }) : startNats({ users }));
  const gates: Gate[] = [];
  const openGates = async (): Promise<readonly Gate[]> => {
    const own = await Promise.all(nats.urls.map((url) => Gate.to(url)));
    gates.push(...own);
    return own;
  };
  const part = async (name: string, main: string, env: Readonly<Record<string, string>>): Promise<Part> => {
    const own = await openGates();
    const program = new Program({
      name,
      main,
      env: { ...env, [SYSTEM_VARIABLE]: directory, NATS_URL: own.map(({ url }) => url).join(",") },
      logFile: join(directory, `${name}.log`),
      onMisbehaviour: options.onMisbehaviour,
    });
    return { program, setGates: (state) => own.forEach((gate) => gate.set(state)) };
  };
  const server = async (name: string): Promise<ServerPart> => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const made = await part(name, SERVER_MAIN, {
      NATS_USER: "server",
      NATS_PASSWORD: "server",
      JOBS_LISTEN_PORT: String(port),
      JOBS_TOKENS: `chaos:${TOKEN}`,
      JOBS_SECRET: "a secret of chaos runs only",
      JOBS_ARTIFACTS_DIR: join(directory, "artifacts"),
    });
    const connectToIt = (): JobsClient => connect({ url, token: TOKEN });
    return { ...made, url, client: connectToIt(), connect: connectToIt };
  };
  const host = async (agent: string): Promise<HostPart> => {
    const stateDir = join(directory, agent);
    await mkdir(stateDir, { mode: 0o700 });
    const made = await part(agent, AGENT_MAIN, {
      NATS_USER: agent,
      NATS_PASSWORD: agent,
      JOBS_AGENT_ID: agent,
      JOBS_AGENT_NAME: agent,
      JOBS_AGENT_STATE_DIR: stateDir,
    });
    return { ...made, agent, findSupervisor: () => findPids(["--state-dir", stateDir])[0] };
  };
  const servers = await Promise.all(Array.from({ length: SERVERS }, (_, index) => server(`server-${index + 1}`)));
  const hosts = await Promise.all(agents.map(host));
  for (const { program } of [...servers, ...hosts]) program.start();
  let isForgotten = false;
  return {
    directory,
    nats,
    servers,
    hosts,
    whole: (signal) => whole(servers, hosts.length, signal),
    findDeciding: () => findDeciding(servers),
    forget: () => {
      isForgotten = true;
      return rm(directory, { recursive: true, force: true, maxRetries: 3 });
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(hosts.map(({ program }) => program[Symbol.asyncDispose]()));
      await Promise.all(hosts.map(endSupervisor));
      await Promise.all(servers.map(({ program }) => program[Symbol.asyncDispose]()));
      await Promise.all(gates.map((gate) => gate[Symbol.asyncDispose]()));
      // Its own folder goes with it.
      for (const { dataDir } of isForgotten ? [] : nats.nodes)
        await copyFile(join(dataDir, "nats.log"), join(directory, `nats-${basename(dataDir)}.log`));
      await nats[Symbol.asyncDispose]();
      guard.release();
    },
  };
}

async function whole(servers: readonly ServerPart[], agents: number, signal: AbortSignal): Promise<void> {
  const isWhole = async ({ url, client }: ServerPart): Promise<boolean> => {
    if ((await healthOf(url)).httpStatus !== 200) return false;
    return (await client.listAgents({ timeoutMs: 5_000 })).filter(({ inContact }) => inContact).length === agents;
  };
  for (;;) {
    const answers = await Promise.all(servers.map((one) => isWhole(one).catch(() => false)));
    if (answers.every(Boolean)) return;
    await delay(POLL_MS, undefined, { signal });
  }
}

async function findDeciding(servers: readonly ServerPart[]): Promise<ServerPart | undefined> {
  const answers = await Promise.all(servers.map(({ url }) => healthOf(url).catch(() => undefined)));
  const holders = new Set(answers.flatMap((answer) => answer?.deciding ?? []));
  const [holder] = holders;
  if (holders.size !== 1) return undefined;
  return servers[answers.findIndex((answer) => answer?.server === holder)];
}

/** It outlives its agent, so it is ended by itself, and with it every script. */
async function endSupervisor({ findSupervisor }: HostPart): Promise<void> {
  const killAt = performance.now() + SUPERVISOR_END_MS;
  for (let pid = findSupervisor(); pid !== undefined; pid = findSupervisor()) {
    const isLate = performance.now() > killAt;
    signalProcess(pid, "SIGCONT");
    signalProcess(pid, isLate ? "SIGKILL" : "SIGTERM");
    await delay(POLL_MS);
  }
}

/** Signals a process that may be gone by now. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
