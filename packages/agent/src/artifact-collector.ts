/** What a script left in `$JOBS_OUTPUT`: listed and hashed after its end, then put where the server says. */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { lstat, open, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  ARTIFACT_MAX_BYTES,
  ARTIFACT_NAMES_MAX_BYTES,
  ARTIFACTS_MAX,
  type Artifact,
  type ReportMessage,
} from "@jobs/core";
import { isShortage } from "./supervisor/shortage.ts";

type Upload = NonNullable<ReportMessage["uploads"]>[number];

/** What is in an output folder, and how many files were left out: too many, too large, or not to be read. */
export interface Collected {
  readonly artifacts: readonly Artifact[];
  readonly leftOut: number;
}

/** A file is no longer what was listed: gone, or with other bytes. */
export class ArtifactChangedError extends Error {}

/**
 * A name as the store writes it, part by part. S3 takes keys of 1,024 bytes, and what comes before the name takes up
 * to 300.
 */
const NAME_MAX_LENGTH = 700;
/** The store shortens longer parts. */
const PART_MAX_LENGTH = 180;
/** A store that takes nothing for so long, or does not answer, hangs: it is asked again, or another one. Milliseconds. */
const STALL_MS = 30_000;
/** When it has all, and before it answers, it syncs that: at this speed at least, bytes/ms. */
const SYNCED_PER_MS = 20_000;
/** HTTP status: the bytes were not those that the URL was made for. */
const UNPROCESSABLE = 422;

/**
 * Every regular file below the folder, by name. Links are left out: they may lead anywhere. What no name can spell and
 * what cannot be read, or is too large, is left out and counted, a folder as one: one odd file must not keep the others.
 *
 * @throws when the host is too short of something to look
 */
export async function collectArtifacts(outputDir: string): Promise<Collected> {
  const { names, leftOut } = await findNames(outputDir);
  const artifacts: Artifact[] = [];
  let nameBytes = 0;
  for (const name of names.sort()) {
    nameBytes += Buffer.byteLength(JSON.stringify(name));
    if (artifacts.length === ARTIFACTS_MAX || nameBytes > ARTIFACT_NAMES_MAX_BYTES) break;
    const artifact = await findArtifact(outputDir, name);
    if (artifact !== undefined) artifacts.push(artifact);
  }
  return { artifacts, leftOut: leftOut + names.length - artifacts.length };
}

/** One file as it is now; undefined when it is not to be had. */
export async function findArtifact(outputDir: string, name: string): Promise<Artifact | undefined> {
  const file = await orUndefined(openArtifact(join(outputDir, name)));
  if (file === undefined) return undefined;
  try {
    return { name, ...(await factsOf(file)) };
  } catch (error) {
    return rethrowShortage(error);
  } finally {
    await file.close();
  }
}

async function findNames(outputDir: string): Promise<{ names: string[]; leftOut: number }> {
  const names: string[] = [];
  let leftOut = 0;
  for (const folders = [""]; folders.length > 0;) {
    const folder = folders.pop()!;
    const path = join(outputDir, folder);
    const entries = await orUndefined(listFolder(path));
    if (entries === undefined && (folder !== "" || (await isThere(path)))) leftOut++;
    for (const entry of entries ?? []) {
      if (!entry.isFile() && !entry.isDirectory()) continue;
      const bytes = entry.name;
      const name = folder === "" ? bytes.toString() : `${folder}/${bytes.toString()}`;
      if (!isUtf8(bytes) || storedLength(name) > NAME_MAX_LENGTH) leftOut++;
      else (entry.isFile() ? names : folders).push(name);
    }
  }
  return { names, leftOut };
}

/** Does not follow a link, should one have taken the place of the folder. */
async function listFolder(path: string): Promise<Dirent<Buffer>[]> {
  if (!(await lstat(path)).isDirectory()) throw new Error(`${path} is no folder`);
  return readdir(path, { withFileTypes: true, encoding: "buffer" });
}

/** False for a folder that the script removed itself. */
async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
}

function storedLength(name: string): number {
  const lengths = name.split("/").map((part) => Math.min(encodeURIComponent(part).length, PART_MAX_LENGTH) + 1);
  return lengths.reduce((sum, length) => sum + length, 0);
}

/** Neither follows a link nor waits at a pipe, should one have taken the place of the file. */
async function openArtifact(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (stat.isFile() && stat.size <= ARTIFACT_MAX_BYTES) return file;
  await file.close();
  throw new Error(`${path} is no regular file, or too large`);
}

async function orUndefined<T>(looking: Promise<T>): Promise<T | undefined> {
  return looking.catch(rethrowShortage);
}

function rethrowShortage(error: unknown): undefined {
  if (isShortage(error)) throw error;
}

async function factsOf(file: FileHandle): Promise<Pick<Artifact, "sizeBytes" | "sha256">> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const bytes of file.createReadStream({ highWaterMark: 256 * 1024, autoClose: false })) {
    hash.update(bytes as Buffer);
    sizeBytes += (bytes as Buffer).length;
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

/**
 * Uploads one artifact; throws when the store did not take it.
 *
 * @throws ArtifactChangedError
 */
export async function uploadArtifact(outputDir: string, artifact: Artifact, { url, headers }: Upload): Promise<void> {
  const file = await orUndefined(openArtifact(join(outputDir, artifact.name)));
  if (file === undefined) throw new ArtifactChangedError(`${artifact.name} is gone`);
  const watchdog = new Watchdog(`${artifact.name} is not taken by its store`);
  try {
    const { size } = await file.stat();
    if (size !== artifact.sizeBytes) throw new ArtifactChangedError(`${artifact.name} has another size`);
    const bytes = file.createReadStream({ autoClose: false });
    const body = Readable.toWeb(bytes) as ReadableStream<Uint8Array>;
    bytes.on("data", () => watchdog.expectWithin(STALL_MS));
    bytes.on("end", () => watchdog.expectWithin(STALL_MS + size / SYNCED_PER_MS));
    const response = await fetch(url, {
      method: "PUT",
      body,
      headers: { "content-type": "application/octet-stream", "content-length": String(artifact.sizeBytes), ...headers },
      duplex: "half",
      signal: watchdog.signal,
    } as RequestInit);
    if (response.ok) return await response.body?.cancel();
    const why = `the upload of ${artifact.name} was answered with ${response.status}: ${await response.text()}`;
    throw response.status === UNPROCESSABLE ? new ArtifactChangedError(why) : new Error(why);
  } finally {
    watchdog.stop();
    await file.close();
  }
}

/** Aborts when what is expected does not come in time. */
class Watchdog {
  readonly #aborter = new AbortController();
  readonly #why: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(why: string) {
    this.#why = why;
    this.expectWithin(STALL_MS);
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  expectWithin(limitMs: number): void {
    this.stop();
    this.#timer = setTimeout(() => this.#aborter.abort(new Error(this.#why)), limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
