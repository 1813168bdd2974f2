import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The oldest nats-server that has all that the store rests on: guards by filter, atomic batches, TTL, schedules. */
export const WANTED_NATS_SERVER_VERSION = "2.15.0";

const VERSION_TIMEOUT_MS = 10_000;

/** Whether `version` is `wanted` or newer; a pre-release comes before its release. */
export function isVersionAtLeast(version: string, wanted: string): boolean {
  const [have, want] = [parseVersion(version), parseVersion(wanted)];
  if (have === undefined || want === undefined) return false;
  for (const [index, number] of have.numbers.entries()) {
    const other = want.numbers[index] ?? 0;
    if (number !== other) return number > other;
  }
  return !have.preRelease || want.preRelease;
}

/** Asks a nats-server program for its version; undefined when it is none or cannot run here. */
export async function findVersion(file: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(file, ["--version"], { signal, timeout: VERSION_TIMEOUT_MS });
    return /^nats-server: v(\S+)/m.exec(stdout)?.[1];
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

function parseVersion(text: string): { numbers: number[]; preRelease: boolean } | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-\S+)?/.exec(text);
  if (match === null) return undefined;
  return { numbers: match.slice(1, 4).map(Number), preRelease: match[4] !== undefined };
}
