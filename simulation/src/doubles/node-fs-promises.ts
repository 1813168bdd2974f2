/** Takes the place of `node:fs/promises`: the disk of the host that the process runs on. A sync takes its time. */
import { constants } from "node:fs";
import type { DiskFile } from "../host/disk.ts";
import { kernel, self } from "../kernel/machine.ts";
import { systemError } from "./node-errors.ts";
import { accessSync, fileAt, isSystemPath, lstatSync, mkdirSync, renameSync } from "./node-fs.ts";

export { constants };

/** Most syncs are quick; some wait for a busy disk, milliseconds. */
function syncMs(): number {
  const { random } = kernel();
  return random.chance(0.02) ? random.between(50, 3_000) : random.between(0.2, 6);
}

function synced(sync: () => void): Promise<void> {
  return new Promise((resolve) => {
    kernel().after(syncMs(), "disk sync", () => {
      sync();
      resolve();
    });
  });
}

class Handle {
  readonly fd: number;
  readonly #path: string;
  readonly #file: DiskFile | undefined;

  constructor(path: string, file: DiskFile | undefined) {
    const process = self();
    this.#path = path;
    this.#file = file;
    this.fd = process.host.nextPid();
    if (file !== undefined) process.files.set(this.fd, file);
  }

  get #opened(): DiskFile {
    if (this.#file === undefined) throw systemError("EISDIR", this.#path);
    return this.#file;
  }

  write(bytes: Buffer, ...where: readonly number[]): Promise<{ bytesWritten: number }> {
    const [from = 0, length = bytes.length, position = 0] = where;
    this.#opened.write(bytes.subarray(from, from + length), position);
    return Promise.resolve({ bytesWritten: length });
  }

  read(buffer: Buffer, ...where: readonly number[]): Promise<{ buffer: Buffer; bytesRead: number }> {
    const [into = 0, length = buffer.length, position = 0] = where;
    const bytesRead = this.#opened.bytes.copy(buffer, into, position, position + length);
    return Promise.resolve({ buffer, bytesRead });
  }

  writeFile(content: string | Uint8Array): Promise<void> {
    this.#opened.write(Buffer.from(content), 0);
    return Promise.resolve();
  }

  truncate(length: number): Promise<void> {
    this.#opened.truncate(length);
    return Promise.resolve();
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  sync(): Promise<void> {
    const { disk } = self().host;
    return synced(() => (this.#file === undefined ? disk.syncFolder(this.#path) : this.#file.sync()));
  }

  close(): Promise<void> {
    self().files.delete(this.fd);
    return Promise.resolve();
  }
}

export type FileHandle = Handle;

export function open(path: string, flags: string | number): Promise<FileHandle> {
  const { disk } = self().host;
  const known = disk.find(path);
  if (known === undefined && disk.folders.has(path)) return Promise.resolve(new Handle(path, undefined));
  const mayCreate = typeof flags === "string" && /^[wa]/.test(flags);
  if (known === undefined && !mayCreate) return Promise.reject(systemError("ENOENT", path));
  if (known !== undefined && flags === "wx") return Promise.reject(systemError("EEXIST", path));
  if (typeof flags === "string" && flags.startsWith("w")) known?.truncate(0);
  return Promise.resolve(new Handle(path, known ?? disk.create(path)));
}

export function mkdir(path: string): Promise<string | undefined> {
  return Promise.resolve(mkdirSync(path));
}

export async function readFile(path: string, encoding?: string): Promise<Buffer | string> {
  await Promise.resolve();
  const { bytes } = fileAt(path);
  return encoding === undefined ? Buffer.from(bytes) : bytes.toString();
}

export async function writeFile(path: string, content: string | Uint8Array): Promise<void> {
  await (await open(path, "w")).writeFile(content);
}

export async function appendFile(path: string, content: string): Promise<void> {
  const { disk } = self().host;
  const file = disk.find(path) ?? disk.create(path);
  file.write(Buffer.from(content), file.bytes.length);
  await Promise.resolve();
}

export async function link(from: string, to: string): Promise<void> {
  await Promise.resolve();
  if (!self().host.disk.link(from, to)) throw systemError("ENOENT", from);
}

/** Disks are large. */
export function statfs(): Promise<{ readonly bavail: number; readonly blocks: number; readonly bsize: number }> {
  return Promise.resolve({ bavail: 2 ** 28, blocks: 2 ** 28, bsize: 4096 });
}

export async function rename(from: string, to: string): Promise<void> {
  await Promise.resolve();
  renameSync(from, to);
}

/** Of the folders of programs, in which none comes or goes. */
export function stat(): Promise<{ readonly ino: number; readonly mtimeMs: number }> {
  return Promise.resolve({ ino: 1, mtimeMs: 0 });
}

export async function rm(path: string): Promise<void> {
  await Promise.resolve();
  self().host.disk.remove(path);
}

export async function readdir(path: string): Promise<readonly string[]> {
  await Promise.resolve();
  if (isSystemPath(path) || !self().host.disk.has(path)) throw systemError("ENOENT", path);
  return self().host.disk.list(path);
}

export async function lstat(path: string): Promise<ReturnType<typeof lstatSync>> {
  await Promise.resolve();
  return lstatSync(path);
}

export function realpath(path: string): Promise<string> {
  return Promise.resolve(path);
}

export async function access(path: string): Promise<void> {
  await Promise.resolve();
  accessSync(path);
}

export function chmod(): Promise<void> {
  return Promise.resolve();
}

/** What is in a folder, one by one; names as bytes. */
export async function opendir(
  path: Buffer,
): Promise<readonly { readonly name: Buffer; readonly isDirectory: () => boolean }[]> {
  const { folders } = self().host.disk;
  const names = await readdir(path.toString());
  return names.map((name) => ({
    name: Buffer.from(name),
    isDirectory: () => folders.has(`${path.toString()}/${name}`),
  }));
}

export function unlink(path: Buffer): Promise<void> {
  return rm(path.toString());
}
