/**
 * A real nats-server for tests: one node, or a cluster of three, on free ports of the loopback, in a folder of its own.
 * `await using` ends the processes and removes the folder.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { startAll, stopAll } from "../lifecycle.ts";
import {
  defaultCacheDir,
  findNatsServer,
  NatsServerProcess,
  type NatsServerProcessOptions,
  type NatsServerProgram,
} from "../nats-server/index.ts";
import { guardFixture } from "./guard.ts";

/** Running servers. After `node.kill("SIGKILL")`, `node.start()` brings it back on the same port with the same data. */
export interface NatsFixture extends AsyncDisposable {
  /** Address of the first node. */
  readonly url: string;
  /** Addresses of all nodes. */
  readonly urls: readonly string[];
  readonly nodes: readonly NatsServerProcess[];
}

export type NatsFixtureOptions = Pick<NatsServerProcessOptions, "users" | "maxPayloadBytes" | "monitorPort">;

export interface NatsClusterFixtureOptions extends NatsFixtureOptions {
  /** False: clients stay on the addresses that they were given, e.g. those of something in between. */
  readonly isAdvertised?: boolean;
}

const CLUSTER_SIZE = 3;
const CLUSTER_ATTEMPTS = 3;
const CLUSTER_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

let program: Promise<NatsServerProgram> | undefined;

/** Starts one node; takes some 20 ms. */
export async function startNats(options: NatsFixtureOptions = {}): Promise<NatsFixture> {
  const { file } = await findProgram();
  return startNodes((dir) => [new NatsServerProcess({ ...options, file, dataDir: join(dir, "n1"), serverName: "n1" })]);
}

/** Starts three nodes and waits until a stream with three replicas can be made; takes some seconds. */
export async function startNatsCluster({
  isAdvertised = true,
  ...options
}: NatsClusterFixtureOptions = {}): Promise<NatsFixture> {
  const { file } = await findProgram();
  for (let attempt = 1; ; attempt += 1) {
    const ports = await freePorts(CLUSTER_SIZE);
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
    try {
      const fixture = await startNodes((dir) =>
        ports.map((port, index) => {
          const serverName = `n${index + 1}`;
          const cluster = { name: "test", port, routes, isAdvertised };
          return new NatsServerProcess({ ...options, file, dataDir: join(dir, serverName), serverName, cluster });
        }),
      );
      await waitForReplicas(fixture, options);
      return fixture;
    } catch (error) {
      // Between our look at a free port and the server's bind, somebody else can take it.
      if (attempt === CLUSTER_ATTEMPTS || !String(error).includes("address already in use")) throw error;
    }
  }
}

/** One look-up for a whole test process. */
async function findProgram(): Promise<NatsServerProgram> {
  program ??= findNatsServer({
    cacheDir: defaultCacheDir(env, homedir()),
    path: env["PATH"] ?? "",
    log: () => undefined,
  });
  return program;
}

async function startNodes(create: (dir: string) => NatsServerProcess[]): Promise<NatsFixture> {
  const dir = await mkdtemp(join(tmpdir(), "jobs-test-nats-"));
  const guard = guardFixture(dir);
  const nodes = create(dir);
  const end = async (): Promise<void> => {
    await stopAll(nodes);
    guard.release();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await startAll(nodes);
  } catch (error) {
    await end();
    throw error;
  }
  const urls = nodes.map((node) => node.url);
  return { url: urls[0] ?? "", urls, nodes, [Symbol.asyncDispose]: end };
}

async function waitForReplicas(fixture: NatsFixture, { users = [] }: NatsFixtureOptions): Promise<void> {
  const admin = users.find(({ permissions }) => permissions === undefined);
  const credentials = admin === undefined ? {} : { user: admin.user, pass: admin.password };
  const connection = await connect({ servers: [...fixture.urls], ...credentials });
  const endsAt = performance.now() + CLUSTER_TIMEOUT_MS;
  try {
    for (;;) {
      try {
        const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 2000 });
        await manager.streams.add({ name: "READY", subjects: ["ready"], num_replicas: CLUSTER_SIZE });
        await manager.streams.delete("READY");
        return;
      } catch (error) {
        if (performance.now() > endsAt) throw error;
        await delay(POLL_MS);
      }
    }
  } catch (error) {
    await fixture[Symbol.asyncDispose]();
    throw error;
  } finally {
    await connection.close();
  }
}

/** Ports that are free now; held together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenAnywhere));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => new Promise((done) => server.close(done))));
  return ports;
}

async function listenAnywhere(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
