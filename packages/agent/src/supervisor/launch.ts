import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SupervisorClient, SupervisorHungError, SupervisorProtocolError, type SupervisorListener } from "./client.ts";
import { hostEnvironmentOf } from "./environment.ts";
import { supervisorSocketPath } from "./socket-path.ts";

/** A supervisor first reads its journal and ends what its predecessor left; that can take some seconds. */
const START_TIMEOUT_MS = 60_000;
const RETRY_MS = 10;
/** What the supervisor gets of the agent's environment, which holds its credentials. */
const PASSED_ON = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "SHELL", "TZ", "TMPDIR"];

export interface ConnectSupervisorOptions {
  readonly stateDir: string;
  /** The agent's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly session: string;
  readonly listener: SupervisorListener;
  readonly idleExitMs?: number;
  readonly answerLimitMs?: number | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Connects to the supervisor of a state directory, and starts one when there is none.
 *
 * @throws SupervisorProtocolError when one of another generation runs there
 * @throws SupervisorHungError when one runs there, and does not answer
 * @throws when it cannot be started: `<stateDir>/supervisor.log` says why
 */
export async function connectSupervisor(options: ConnectSupervisorOptions): Promise<SupervisorClient> {
  const { stateDir, env, session, answerLimitMs, listener, signal } = options;
  const environment = hostEnvironmentOf(env);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const socketPath = supervisorSocketPath(stateDir);
  let launched: LaunchedSupervisor | undefined;
  const giveUpAtMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    signal?.throwIfAborted();
    const socket = await tryConnect(socketPath);
    if (socket !== undefined) {
      try {
        return await SupervisorClient.greet(socket, { session, environment, answerLimitMs }, listener);
      } catch (error) {
        const isFinal = error instanceof SupervisorProtocolError || error instanceof SupervisorHungError;
        if (isFinal || performance.now() > giveUpAtMs) throw error;
        // It was just about to end: the next try finds none, and starts one.
        await delay(RETRY_MS, undefined, { signal });
        continue;
      }
    }
    if (launched?.hasFailed || performance.now() > giveUpAtMs) {
      throw new Error(`the supervisor does not start: see ${join(stateDir, "supervisor.log")}`);
    }
    // One that ended in peace has met another one, which is stopping, or is about to listen; one that was killed is not at fault.
    if (launched === undefined || launched.hasEnded) launched = await launchSupervisor(options);
    await delay(RETRY_MS, undefined, { signal });
  }
}

interface LaunchedSupervisor {
  hasEnded: boolean;
  hasFailed: boolean;
}

/** The file of the supervisor, also when this code was itself bundled: found from the package's own folder. */
export function supervisorBundlePath(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("the package folder of the agent is missing: install it again");
    folder = parent;
  }
  return join(folder, "dist", "bundle", "supervisor.mjs");
}

/** Detached, in a session of its own, with nothing open that the agent has: it must outlive it. */
async function launchSupervisor({ stateDir, env, idleExitMs }: ConnectSupervisorOptions): Promise<LaunchedSupervisor> {
  const bundlePath = supervisorBundlePath();
  if (!existsSync(bundlePath)) throw new Error(`${bundlePath} is missing: build the package`);
  const log = await open(join(stateDir, "supervisor.log"), "a", 0o600);
  const idle = idleExitMs === undefined ? [] : ["--idle-exit-ms", String(idleExitMs)];
  try {
    const child = spawn(process.execPath, [bundlePath, "--state-dir", resolve(stateDir), ...idle], {
      cwd: "/",
      detached: true,
      env: Object.fromEntries(PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
      stdio: ["ignore", log.fd, log.fd],
    });
    const launched = { hasEnded: false, hasFailed: false };
    child.once("exit", (code, signal) => {
      launched.hasEnded = true;
      launched.hasFailed = signal === null && code !== 0;
    });
    child.once("error", () => (launched.hasFailed = true));
    child.unref();
    return launched;
  } finally {
    await log.close();
  }
}

/** ECONNRESET: it ended while this connection waited to be taken. */
const NOBODY_LISTENS: ReadonlySet<string | undefined> = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET"]);

async function tryConnect(socketPath: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (NOBODY_LISTENS.has(error.code)) resolve(undefined);
      else reject(error);
    });
  });
}
