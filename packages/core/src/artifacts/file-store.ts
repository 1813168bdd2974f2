import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, rmdir, stat, utimes } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { JobsError } from "../errors.ts";
import type { Transfer } from "../protocol/messages.ts";
import { signGrant, type Grant } from "./signed-url.ts";
import type { ArtifactStore, ObjectFacts, Unused } from "./store.ts";

export interface FileStoreOptions {
  readonly directory: string;
  /** Signs upload and download URLs; all servers on one directory share it. */
  readonly secret: string;
  /** The URL under which agents reach a server that serves `/v1/objects/` from this directory. */
  readonly baseUrl: () => string;
  readonly now: () => number;
}

const GRANT_MS = 60 * 60 * 1000;
/** What nothing was written to for so long nobody writes any more, milliseconds. */
const LEFT_OVER_MS = 24 * 60 * 60 * 1000;

const MOVES_AT_MOST = 100;

/** Objects as files in a directory. An upload goes to a temporary file, is synced, and then moved to its place. */
export class FileStore implements ArtifactStore {
  readonly #options: FileStoreOptions;

  constructor(options: FileStoreOptions) {
    this.#options = options;
  }

  /** Where objects are on their way to their place. */
  get #incoming(): string {
    return join(this.#options.directory, "incoming");
  }

  async put(key: string, source: AsyncIterable<Uint8Array>, expect?: ObjectFacts): Promise<ObjectFacts> {
    const temporary = join(this.#incoming, randomUUID());
    await mkdir(dirname(temporary), { recursive: true });
    try {
      const facts = await write(temporary, source, expect?.sizeBytes);
      if (expect !== undefined && (facts.sizeBytes !== expect.sizeBytes || facts.sha256 !== expect.sha256))
        throw mismatch(expect, facts);
      const file = this.#file(key);
      await moveIn(temporary, file);
      await this.#syncFolders(dirname(file));
      return facts;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  async get(key: string, from = 0): Promise<AsyncIterable<Uint8Array>> {
    const file = this.#file(key);
    if ((await this.findSize(key)) === undefined) throw new JobsError("artifact-unknown", `There is no object ${key}.`);
    return createReadStream(file, { start: from, highWaterMark: 256 * 1024 });
  }

  async findSize(key: string): Promise<number | undefined> {
    try {
      const found = await stat(this.#file(key));
      return found.isFile() ? found.size : undefined;
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
      throw error;
    }
  }

  uploadTo(key: string, facts: ObjectFacts): Promise<Transfer> {
    return Promise.resolve(this.#grant({ method: "PUT", key, expiresAtMs: this.#options.now() + GRANT_MS, ...facts }));
  }

  downloadFrom(key: string): Promise<Transfer> {
    return Promise.resolve(this.#grant({ method: "GET", key, expiresAtMs: this.#options.now() + GRANT_MS }));
  }

  /** Removes what servers that were killed left half written. Others may share the directory: what is written to now stays. */
  async removeLeftOvers(): Promise<void> {
    await mkdir(this.#incoming, { recursive: true });
    const names = await readdir(this.#incoming);
    for (const name of names) {
      const file = join(this.#incoming, name);
      const found = await stat(file).catch(() => undefined); // it has just been moved to its place
      if (found !== undefined && this.#options.now() - found.mtimeMs > LEFT_OVER_MS) await rm(file, { force: true });
    }
  }

  async refresh(key: string): Promise<boolean> {
    const now = this.#options.now() / 1000;
    return isThere(utimes(this.#file(key), now, now));
  }

  async removeUnused(prefix: string, { beforeMs, isUsed }: Unused): Promise<number> {
    const folder = this.#file(prefix);
    if (!(await isThere(mkdir(this.#incoming, { recursive: true }).then(() => stat(folder))))) return 0;
    let removed = 0;
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      if (isUsed(name) || !(await isOlder(file, beforeMs))) continue;
      // Out of the way first, and looked at there: it may have been refreshed just now.
      const aside = join(this.#incoming, randomUUID());
      if (!(await isThere(rename(file, aside)))) continue;
      if (await isOlder(aside, beforeMs)) {
        await rm(aside, { force: true });
        removed++;
      } else await moveIn(aside, file);
    }
    return removed;
  }

  async removeAll(prefix: string): Promise<void> {
    const top = resolve(this.#options.directory);
    let folder = this.#file(prefix);
    await rm(folder, { recursive: true, force: true });
    // Those above it that have nothing else: there may have been very many jobs.
    try {
      while ((folder = dirname(folder)) !== top) await rmdir(folder);
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  locationOf(prefix: string): string {
    return pathToFileURL(join(this.#options.directory, prefix)).href;
  }

  #grant(grant: Grant): Transfer {
    const path = grant.key.split("/").map(encodeURIComponent).join("/");
    return { url: `${this.#options.baseUrl()}/v1/objects/${path}?${signGrant(this.#options.secret, grant)}` };
  }

  /** Up to the store's own folder: any of them may be new, and a new folder is lost with its parent's entry for it. */
  async #syncFolders(folder: string): Promise<void> {
    await syncDirectory(folder);
    if (folder !== resolve(this.#options.directory)) await this.#syncFolders(dirname(folder));
  }

  #file(key: string): string {
    if (key.split("/").some((part) => part === "" || part === "." || part === "..") || key.includes("\0")) {
      throw new JobsError("artifact-unknown", `${JSON.stringify(key)} is not a key.`);
    }
    return resolve(this.#options.directory, key);
  }
}

/** False when what it is done with is not there. */
async function isThere(done: Promise<unknown>): Promise<boolean> {
  try {
    await done;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return false;
  }
}

async function isOlder(file: string, beforeMs: number): Promise<boolean> {
  let isOld = false;
  await isThere(stat(file).then((found) => (isOld = found.isFile() && found.mtimeMs < beforeMs)));
  return isOld;
}

/** The folder may go between the two steps, when the last other object in it does. */
async function moveIn(temporary: string, file: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await mkdir(dirname(file), { recursive: true });
      return await rename(temporary, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || tries === MOVES_AT_MOST) throw error;
    }
  }
}

async function write(
  file: string,
  source: AsyncIterable<Uint8Array>,
  limitBytes = Number.POSITIVE_INFINITY,
): Promise<ObjectFacts> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const handle = await open(file, "wx", 0o600);
  try {
    for await (const bytes of source) {
      sizeBytes += bytes.length;
      if (sizeBytes > limitBytes) break; // more than was announced: the caller sees that it does not fit
      hash.update(bytes);
      await handle.writeFile(bytes);
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function mismatch(expected: ObjectFacts, got: ObjectFacts): JobsError {
  const message = `The upload is not what was announced: ${got.sizeBytes} bytes with SHA-256 ${got.sha256}, not ${expected.sizeBytes} with ${expected.sha256}.`;
  return new JobsError("upload-mismatch", message);
}
