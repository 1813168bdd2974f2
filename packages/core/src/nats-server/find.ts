import { randomUUID } from "node:crypto";
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fetchFromDebian } from "./fetch-debian.ts";
import { natsServerMissing } from "./missing.ts";
import { findPrograms } from "./program-path.ts";
import { findVersion, isVersionAtLeast, WANTED_NATS_SERVER_VERSION } from "./version.ts";

/** A nats-server program that is new enough. */
export interface NatsServerProgram {
  readonly file: string;
  readonly version: string;
}

export interface FindNatsServerOptions {
  /** Folder that keeps a fetched program between runs; made when missing. See `defaultCacheDir`. */
  readonly cacheDir: string;
  /** The text of PATH. */
  readonly path: string;
  /** Takes one line for the user, where something took long or was passed over. */
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds a nats-server of at least 2.15.0: on PATH, else in the cache folder, else fetched once into the cache folder.
 *
 * @throws JobsError `nats-server-missing` when there is none and none can be fetched: it says what to install.
 */
export async function findNatsServer(options: FindNatsServerOptions): Promise<NatsServerProgram> {
  return (await findOnPath(options)) ?? (await findInCache(options)) ?? (await fetchIntoCache(options));
}

async function findOnPath({ path, log, signal }: FindNatsServerOptions): Promise<NatsServerProgram | undefined> {
  for (const file of await findPrograms("nats-server", path)) {
    const version = await findVersion(file, signal);
    if (version !== undefined && isVersionAtLeast(version, WANTED_NATS_SERVER_VERSION)) return { file, version };
    log(
      version === undefined
        ? `passed over ${file}: it does not tell its version`
        : `passed over ${file}: it is version ${version}, wanted is ${WANTED_NATS_SERVER_VERSION} or newer`,
    );
  }
  return undefined;
}

async function findInCache({ cacheDir, signal }: FindNatsServerOptions): Promise<NatsServerProgram | undefined> {
  const file = cacheFile(cacheDir);
  const version = await findVersion(file, signal);
  return version !== undefined && isVersionAtLeast(version, WANTED_NATS_SERVER_VERSION) ? { file, version } : undefined;
}

async function fetchIntoCache({ cacheDir, path, log, signal }: FindNatsServerOptions): Promise<NatsServerProgram> {
  const file = cacheFile(cacheDir);
  try {
    await mkdir(cacheDir, { recursive: true });
    await using fetched = await fetchFromDebian({ path, log, signal });
    await moveIntoPlace(fetched.file, file);
    return { file, version: fetched.version };
  } catch (error) {
    signal?.throwIfAborted();
    throw natsServerMissing(WANTED_NATS_SERVER_VERSION, error);
  }
}

/** Another process may do the same at this moment: each writes a file of its own, and the last rename wins. */
async function moveIntoPlace(from: string, to: string): Promise<void> {
  const beside = `${to}.${randomUUID()}`;
  try {
    await copyFile(from, beside);
    await rename(beside, to);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

function cacheFile(cacheDir: string): string {
  return join(cacheDir, "nats-server");
}
