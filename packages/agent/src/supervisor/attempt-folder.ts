import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { chmod, lstat, opendir, readdir, readFile, realpath, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";

const SHORT_BYTES = 1024 * 1024;
/** Half of what the kernel takes: with any name behind it, such a path is not too long yet. */
const LONG_PATH_BYTES = 2_048;
const FILES_AT_ONCE = 64;

/** `<stateDir>/attempts/<run>.<attempt>/`: all that the host keeps of an attempt until it is released. */
export class AttemptFolder {
  readonly path: string;
  readonly scriptPath: string;
  /** Where the script leaves what is to be kept: `JOBS_OUTPUT`. */
  readonly outputDir: string;
  /** Where the script runs. */
  readonly workDir: string;
  readonly spoolPath: string;
  /** How far the agent has shipped the spool. */
  readonly shippedPath: string;
  /** The script until its start: while it is here it has not been started. */
  readonly #heldPath: string;

  constructor(stateDir: string, name: string) {
    this.path = join(stateDir, "attempts", name);
    this.scriptPath = join(this.path, "script");
    this.#heldPath = join(this.path, "script.held");
    this.outputDir = join(this.path, "output");
    this.workDir = join(this.path, "work");
    this.spoolPath = join(this.path, "spool");
    this.shippedPath = join(this.path, "spool.shipped");
  }

  /** At once and not through the thread pool: four small calls, which the start of a script waits for. */
  create(script: string): void {
    if (mkdirSync(this.path, { recursive: true, mode: 0o700 }) === undefined) {
      // What is there of this name is in no journal: left by a crash in the middle of a release.
      rmSync(this.path, { recursive: true, force: true });
      mkdirSync(this.path, { mode: 0o700 });
    }
    mkdirSync(this.outputDir, { mode: 0o700 });
    mkdirSync(this.workDir, { mode: 0o700 });
    writeFileSync(this.#heldPath, script, { mode: 0o700 });
  }

  /** Puts the script in its place: directly before its start, so that who comes after a crash knows whether it may have run. */
  handOutScript(): void {
    renameSync(this.#heldPath, this.scriptPath);
  }

  /** True when it certainly was not started: not to be asked after a crash of the host, whose disk may not have the last of it. */
  holdsScript(): boolean {
    return existsSync(this.#heldPath);
  }

  async remove(): Promise<void> {
    if (!this.#removeAtOnce()) await removeTree(this.path);
  }

  /** In most the script left nothing but a short log: that is removed sooner than handed on. False when anything is left. */
  #removeAtOnce(): boolean {
    try {
      if (statSync(this.spoolPath).size > SHORT_BYTES) return false; // to remove it would hold up everything else
      for (const file of [this.scriptPath, this.spoolPath]) unlinkSync(file);
      rmSync(this.shippedPath, { force: true });
      for (const folder of [this.outputDir, this.workDir, this.path]) rmdirSync(folder);
      return true;
    } catch {
      return false; // there is more, or less
    }
  }
}

/**
 * Removes the folders of attempts that the journal does not know: their release was journaled, their end cut short. One
 * that cannot be removed (another user's files, a mount) is told, and stays; the next start tries it again.
 */
export async function removeOrphanFolders(
  stateDir: string,
  { knownNames, log }: { readonly knownNames: ReadonlySet<string>; readonly log: (message: string) => void },
): Promise<void> {
  const attemptsDir = join(stateDir, "attempts");
  const names = await readdir(attemptsDir).catch(() => []);
  for (const name of names) {
    if (knownNames.has(name)) continue;
    await removeTree(join(attemptsDir, name)).catch((error: unknown) =>
      log(`cannot remove an old folder: ${String(error)}`),
    );
  }
}

/** A script with the rights to may have mounted a file system here, and left it: what is in that is not its own. */
async function findMount(path: string): Promise<string | undefined> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const real = await realpath(path).catch(() => path);
  const points = mounts.split("\n").map((line) => (line.split(" ")[4] ?? "").replaceAll(/\\(\d{3})/g, unescaped));
  return points.find((point) => point === real || point.startsWith(`${real}/`));
}

function unescaped(_: string, octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8));
}

/** Tries it twice: something may have come into it meanwhile, and a script may have closed its own folders, or made them deep. */
async function removeTree(path: string): Promise<void> {
  const mount = await findMount(path);
  if (mount !== undefined) throw new Error(`a file system is mounted on ${mount}: unmount it`);
  await removeFiles(Buffer.from(path));
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
  await remove().catch(async ({ code = "" }: NodeJS.ErrnoException) => {
    if (["EACCES", "EPERM", "ENAMETOOLONG"].includes(code)) await openFolders(Buffer.from(path), path);
    await remove();
  });
}

/**
 * Removes the files in a folder and those below it, some at a time: `rm` takes all of a folder at once, and of very many it
 * holds up everything else for seconds. Follows no link; what it cannot remove is left to `rm`, which says why.
 */
async function removeFiles(folder: Buffer): Promise<void> {
  const folders: Buffer[] = [];
  let files: Buffer[] = [];
  const removeThese = async (): Promise<void> => {
    await Promise.all(files.map((file) => unlink(file).catch(() => undefined)));
    files = [];
  };
  try {
    // The types know names as text only.
    const entries = await opendir(folder, { encoding: "buffer" as BufferEncoding, bufferSize: FILES_AT_ONCE });
    for await (const entry of entries) {
      const path = Buffer.concat([folder, Buffer.from("/"), entry.name as unknown as Buffer]);
      if (entry.isDirectory()) folders.push(path);
      else if (files.push(path) === FILES_AT_ONCE) await removeThese();
    }
    await removeThese();
  } catch {
    // it is not to be read
  }
  for (const one of folders) await removeFiles(one);
}

/**
 * Lets their own user empty a folder and those below it, and moves those up to the top whose paths get too long for the
 * kernel; follows no link, and passes over what it may not change. Paths are bytes: not every name is text.
 */
async function openFolders(path: Buffer, top: string): Promise<void> {
  try {
    if (!(await lstat(path)).isDirectory()) return;
    await chmod(path, 0o700);
    const folder = path.length < LONG_PATH_BYTES ? path : Buffer.from(join(top, randomUUID()));
    if (folder !== path) await rename(path, folder);
    for (const name of await readdir(folder, "buffer")) {
      await openFolders(Buffer.concat([folder, Buffer.from("/"), name]), top);
    }
  } catch {
    // what is in its way, the removal says
  }
}
