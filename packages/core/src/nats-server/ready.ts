import { readFile, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** Where a started nats-server listens: TCP ports. */
export interface NatsPorts {
  readonly client: number;
  readonly monitor: number | undefined;
}

const POLL_MS = 5;
const INFO_TIMEOUT_MS = 5000;

/** Waits until the process `pid` has written its ports file, which it does when it accepts connections. */
export async function waitForPorts(dir: string, pid: number, signal: AbortSignal): Promise<NatsPorts> {
  for (;;) {
    signal.throwIfAborted();
    const ports = await findPorts(dir, pid);
    if (ports !== undefined) return ports;
    await delay(POLL_MS, undefined, { signal });
  }
}

/** Removes the ports files of processes that were killed. */
export async function removePortsFiles(dir: string): Promise<void> {
  for (const name of await readdir(dir)) if (name.endsWith(".ports")) await rm(join(dir, name), { force: true });
}

/**
 * Asks the server on this port who it is.
 *
 * @throws Error when it does not answer, is another one, or has no JetStream.
 */
export async function checkGreeting(at: { host: string; port: number }, serverName: string): Promise<void> {
  const socket = connect({ ...at, timeout: INFO_TIMEOUT_MS });
  try {
    socket.on("timeout", () => socket.destroy(new Error(`no NATS greeting within ${INFO_TIMEOUT_MS} ms`)));
    const line = await firstLine(socket);
    const info = JSON.parse(line.replace(/^INFO /, "")) as { server_name?: unknown; jetstream?: unknown };
    if (info.server_name !== serverName) throw new Error(`port ${at.port} belongs to ${String(info.server_name)}`);
    if (info.jetstream !== true) throw new Error("the server has no JetStream");
  } finally {
    socket.destroy();
  }
}

async function firstLine(socket: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    const lines = createInterface({ input: socket });
    lines.once("line", resolve);
    lines.once("close", () => reject(new Error("the server closed the connection")));
  });
}

async function findPorts(dir: string, pid: number): Promise<NatsPorts | undefined> {
  const name = (await readdir(dir)).find((entry) => entry.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  const text = await readFile(join(dir, name), "utf8").catch(() => "");
  // The file appears before it is written to the end.
  if (!text.endsWith("}")) return undefined;
  const { nats, monitoring } = JSON.parse(text) as { nats: string[]; monitoring?: string[] };
  const client = portOf(nats[0]);
  return client === undefined ? undefined : { client, monitor: portOf(monitoring?.[0]) };
}

function portOf(url: string | undefined): number | undefined {
  return url === undefined ? undefined : Number(/:(\d+)$/.exec(url)?.[1]);
}
