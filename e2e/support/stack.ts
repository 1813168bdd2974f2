import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
/** A whole system on loopback for a test: nats-server, servers and agents in this process, everything in fresh folders. */
import { startAgent, type RunningAgent } from "@jobs/agent";
import { agentPermissions } from "@jobs/core/jetstream";
import { startNats, startNatsCluster, type NatsFixture } from "@jobs/core/testing";
import { connect, type JobsClient } from "@jobs/sdk";
import { startServer, type RunningServer } from "@jobs/server";
import { pino, type Logger } from "pino";

export const TOKEN = "test-token";
const SECRET = "0123456789abcdef0123456789abcdef";

export interface StackOptions {
  readonly servers?: number;
  readonly agents?: readonly string[];
  readonly isCluster?: boolean;
  readonly slots?: number;
  /** Of agents, by their names. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly slowReaderMs?: number;
  readonly log?: Logger;
}

export interface Stack extends AsyncDisposable {
  readonly nats: NatsFixture;
  readonly directory: string;
  readonly servers: RunningServer[];
  readonly agents: RunningAgent[];
  /** A client of the first server. */
  readonly client: JobsClient;
  clientOf(server: RunningServer): JobsClient;
  startServer(port?: number): Promise<RunningServer>;
  startAgent(name: string): Promise<RunningAgent>;
}

/** Agents are users of their own in NATS, with an agent's rights and no more; their ids are their names. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const {
    agents: names = ["alpha"],
    servers: serverCount = 1,
    isCluster = false,
    slots,
    labels = {},
    slowReaderMs,
    log = pino({ level: process.env["E2E_LOG"] ?? "silent" }),
  } = options;
  const directory = await mkdtemp(join(tmpdir(), "jobs-e2e-"));
  const users = [
    { user: "server", password: "server" },
    ...names.map((name) => ({ user: name, password: name, permissions: agentPermissions(name) })),
  ];
  const nats = await (isCluster ? startNatsCluster({ users }) : startNats({ users }));
  const url = nats.urls.join(",");
  const servers: RunningServer[] = [];
  const agents: RunningAgent[] = [];
  const stack: Omit<Stack, "client"> = {
    nats,
    directory,
    servers,
    agents,
    clientOf: (server) => connect({ url: server.url, token: TOKEN }),
    startServer: async (port = 0) => {
      const server = await startServer({
        nats: { url, user: "server", password: "server" },
        host: "127.0.0.1",
        port,
        tokens: [{ name: "tester", token: TOKEN }],
        secret: SECRET,
        artifacts: { directory: join(directory, "artifacts") },
        slowReaderMs,
        log,
      });
      servers.push(server);
      return server;
    },
    startAgent: async (name) => {
      const agent = await startAgent({
        nats: { url, user: name, password: name },
        id: name,
        name,
        stateDir: join(directory, `agent-${name}`),
        env: process.env,
        slots,
        labels: labels[name],
        log,
      });
      agents.push(agent);
      return agent;
    },
    [Symbol.asyncDispose]: async () => {
      // Of those that had one state folder the last one has the supervisor: only it may end it.
      const last = new Map(agents.map((agent) => [agent.id, agent]));
      for (const agent of agents) if (last.get(agent.id) !== agent) await agent.stop();
      for (const agent of last.values()) await agent.end(0);
      for (const server of servers) await server.stop();
      await nats[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
  for (let count = 0; count < serverCount; count++) await stack.startServer();
  for (const name of names) await stack.startAgent(name);
  const [first] = servers;
  if (first === undefined) throw new Error("a stack has a server");
  const client = stack.clientOf(first);
  await enrolled(client, names.length);
  return { ...stack, client };
}

/** Waits until the agents are known and can be assigned attempts. */
async function enrolled(client: JobsClient, count: number): Promise<void> {
  for (;;) {
    const agents = await client.listAgents();
    if (agents.filter((agent) => agent.inContact).length >= count) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A name that no other test uses. */
export function freshName(prefix = "job"): string {
  return `${prefix} ${randomUUID().slice(0, 8)}`;
}

/** What the first agent of a stack is started with as a process of its own. */
export function agentEnv(stack: Stack): Record<string, string> {
  return {
    NATS_URL: stack.nats.url,
    NATS_USER: "alpha",
    NATS_PASSWORD: "alpha",
    JOBS_AGENT_ID: "alpha",
    JOBS_AGENT_NAME: "alpha",
    JOBS_AGENT_STATE_DIR: join(stack.directory, "agent-alpha"),
  };
}
