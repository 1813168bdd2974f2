/** Takes the place of `node:fs`: the disk of the host that the process runs on. */
import { constants } from "node:fs";
import type { DiskFile } from "../host/disk.ts";
import { self } from "../kernel/machine.ts";
import { systemError } from "./node-errors.ts";

export { constants };

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
/** What is not below the state folder is the operating system's, and there. */
const STATE = "/state";

export function isSystemPath(path: string): boolean {
  return path !== STATE && !path.startsWith(`${STATE}/`);
}

export function fileAt(path: string): DiskFile {
  const file = self().host.disk.find(path);
  if (file === undefined) throw systemError("ENOENT", path);
  return file;
}

export function existsSync(path: string): boolean {
  return isSystemPath(path) || self().host.disk.has(path);
}

export function accessSync(path: string): void {
  if (!existsSync(path)) throw systemError("ENOENT", path);
}

export function statSync(path: string): { size: number; isFile: () => boolean; isDirectory: () => boolean } {
  accessSync(path);
  const { disk } = self().host;
  const isFolder = disk.folders.has(path);
  return { size: disk.find(path)?.bytes.length ?? 0, isFile: () => !isFolder, isDirectory: () => isFolder };
}

export function lstatSync(path: string): { isDirectory: () => boolean; uid: number; mode: number } {
  return { ...statSync(path), uid: process.getuid?.() ?? 0, mode: 0o700 };
}

/** The first folder that was made; undefined when all were there. */
export function mkdirSync(path: string): string | undefined {
  const { folders } = self().host.disk;
  if (folders.has(path)) return undefined;
  folders.add(path);
  return path;
}

export function unlinkSync(path: string): void {
  fileAt(path);
  self().host.disk.remove(path);
}

export function rmdirSync(path: string): void {
  const { disk } = self().host;
  if (!disk.folders.has(path)) throw systemError("ENOENT", path);
  if (disk.list(path).length > 0) throw systemError("ENOTEMPTY", path);
  disk.remove(path);
}

export function rmSync(path: string): void {
  self().host.disk.remove(path);
}

export function renameSync(from: string, to: string): void {
  if (!self().host.disk.rename(from, to)) throw systemError("ENOENT", from);
}

export function writeFileSync(path: string, text: string): void {
  const { disk } = self().host;
  const file = disk.find(path) ?? disk.create(path);
  file.truncate(0);
  file.write(Buffer.from(text), 0);
}

export function readFileSync(path: string): string {
  return path === BOOT_ID ? self().host.bootId : fileAt(path).bytes.toString();
}

export function writeSync(fd: number, bytes: Buffer, ...where: readonly number[]): number {
  const [from = 0, length = bytes.length - from, position = 0] = where;
  const file = self().files.get(fd);
  if (file === undefined) throw systemError("EBADF", String(fd));
  file.write(bytes.subarray(from, from + length), position);
  return length;
}
