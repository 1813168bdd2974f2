import { mkdir, realpath, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
/**
 * The whole stack on one machine. In this order it starts, in reverse it stops, and a failed start undoes what it began:
 *
 *   lock of the data folder → credentials → nats-server → server → agent, enrolled → connection file
 *
 * nats-server and the supervisor are processes of their own, and outlive a `kill -9` of this one. The next start on the
 * same folder ends the one and goes on with the other.
 */
import { startAgent } from "@jobs/agent";
import { JobsError } from "@jobs/core";
import { connect } from "@jobs/sdk";
import { writeConnection } from "@jobs/sdk/node";
import { startServer, type RunningServer } from "@jobs/server";
import { loadCredentials, type Credentials } from "./credentials.ts";
import { DataLock } from "./data-lock.ts";
import { startNats, type LocalNats } from "./nats.ts";
import type { LocalOptions } from "./options.ts";

export interface RunningLocal extends AsyncDisposable {
  /** Address of the server, e.g. `http://127.0.0.1:4280`. */
  readonly url: string;
  /** Access token for the server. */
  readonly token: string;
  /** The agent that scripts are sent to: `on` of a submission. */
  readonly agentName: string;
  readonly dataDir: string;
  readonly natsUrl: string;
  /** File with address and token, there while the stack runs: the command line reads it as `JOBS_CONFIG`. */
  readonly connectionFile: string;
  /** Settles when the agent had to give up, with the reason; the rest runs on until it is stopped. */
  readonly broken: Promise<JobsError>;
  /** Ends the scripts that still run, and all the rest; may be called again. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 2_000;
const ENROLMENT_LIMIT_MS = 30_000;
const POLL_MS = 20;

type Undo = () => Promise<unknown>;

/**
 * Starts nats-server, server and agent; resolves once a script can be submitted.
 *
 * @throws JobsError `already-running` when another stack runs on the data folder (`details`: its `pid` and `url`), `config-invalid` when
 *   the port is taken; `nats-server-missing`; `store-unavailable`.
 * @example
 * await using local = await startLocal({ dataDir: ".jobs", cacheDir: defaultCacheDir(process.env, homedir()), env: process.env });
 * const run = await connect(local).submitJob({ name: "hello", script: "echo hello" });
 */
export async function startLocal(options: LocalOptions): Promise<RunningLocal> {
  const undo: Undo[] = [];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= undoAll(undo));
  try {
    const parts = await start(options, undo);
    return { ...parts, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop().catch(() => undefined); // the first failure is the one to report
    options.signal?.throwIfAborted();
    throw error;
  }
}

/** Undoes in reverse what was begun, all of it even when some fails; then throws the first failure. */
async function undoAll(undo: readonly Undo[]): Promise<void> {
  const failures: unknown[] = [];
  for (const one of undo.toReversed()) await one().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function start(options: LocalOptions, undo: Undo[]) {
  const { signal, log, env, slots, name: agentName = "local", stopGraceMs = STOP_GRACE_MS } = options;
  const say = options.onProgress ?? (() => undefined);
  signal?.throwIfAborted();
  await mkdir(resolve(options.dataDir), { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const lock = new DataLock(dataDir);
  undo.push(() => lock.stop());
  await lock.start();
  const credentials = await loadCredentials(dataDir);
  say("data", dataDir);

  const nats = await startNats({ ...options, dataDir }, credentials);
  undo.push(() => nats.stop());
  signal?.throwIfAborted();
  const server = await startServerOnPort(options, { dataDir, nats, credentials });
  undo.push(() => server.stop());
  lock.url = server.url;
  say("server", server.url);

  signal?.throwIfAborted();
  const { agentId, token } = credentials;
  const stateDir = join(dataDir, "agent");
  const agent = await startAgent({ nats: nats.agent, id: agentId, name: agentName, stateDir, slots, env, log });
  undo.push(() => agent.end(stopGraceMs));
  await enrolled({ url: server.url, token, agentId, signal });
  say("agent", agentName);

  const connectionFile = join(dataDir, "connection.json");
  undo.push(() => rm(connectionFile, { force: true }));
  await writeConnection(connectionFile, { url: server.url, token });
  const { url } = server;
  return { url, token, agentName, dataDir, natsUrl: nats.url, connectionFile, broken: agent.broken };
}

interface ServerParts {
  readonly dataDir: string;
  readonly nats: LocalNats;
  readonly credentials: Credentials;
}

async function startServerOnPort(options: LocalOptions, parts: ServerParts): Promise<RunningServer> {
  const { port = 0, isPortOptional = false, log } = options;
  const { dataDir, nats, credentials } = parts;
  const listenOn = (one: number): Promise<RunningServer> =>
    startServer({
      nats: nats.server,
      host: "127.0.0.1",
      port: one,
      tokens: [{ name: "local", token: credentials.token }],
      secret: credentials.secret,
      artifacts: { directory: join(dataDir, "artifacts") },
      log,
    });
  try {
    return await listenOn(port);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    if (isPortOptional) return await listenOn(0);
    const message = `Port ${port} is taken by another program: end that, or give another port.`;
    throw new JobsError("config-invalid", message, { field: "port", cause: error });
  }
}

interface Enrolment {
  readonly url: string;
  readonly token: string;
  readonly agentId: string;
  readonly signal: AbortSignal | undefined;
}

/** Waits until the server knows the agent: before, a submission would be refused. */
async function enrolled({ url, token, agentId, signal }: Enrolment): Promise<void> {
  const client = connect({ url, token });
  const timeUp = AbortSignal.timeout(ENROLMENT_LIMIT_MS);
  const either = signal === undefined ? timeUp : AbortSignal.any([signal, timeUp]);
  try {
    for (;;) {
      const agents = await client.listAgents({ signal: either });
      if (agents.some(({ id, inContact }) => id === agentId && inContact)) return;
      await delay(POLL_MS, undefined, { signal: either });
    }
  } catch (error) {
    if (!timeUp.aborted) throw error;
    const message = `The agent is not in contact with the server after ${ENROLMENT_LIMIT_MS / 1000} s: see the log.`;
    throw new JobsError("store-unavailable", message, { cause: error });
  }
}
