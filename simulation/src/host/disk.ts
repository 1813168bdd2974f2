/**
 * The disk of a host. What was written is seen at once by every process; what was not synced may be gone after a crash of
 * the host, wholly or from some byte on, and so may a name whose folder was not synced.
 */
import type { Random } from "../kernel/random.ts";

/** A file's bytes, apart from its names. */
export class DiskFile {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;
  #synced: Buffer = Buffer.alloc(0);

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get synced(): Buffer {
    return this.#synced;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(256, 2 * end));
      this.bytes.copy(grown);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, position);
    this.#length = Math.max(this.#length, end);
  }

  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  sync(): void {
    this.#synced = Buffer.from(this.bytes);
  }

  /** The host crashed: of what was not synced a beginning may be there. */
  crash(random: Random): void {
    const isAppended =
      this.#length >= this.#synced.length && this.bytes.subarray(0, this.#synced.length).equals(this.#synced);
    const kept = isAppended ? this.#synced.length + random.below(this.#length - this.#synced.length + 1) : 0;
    const isLost = random.chance(0.7);
    const left = isLost || !isAppended ? this.#synced : Buffer.from(this.bytes.subarray(0, kept));
    this.#bytes = Buffer.from(left);
    this.#length = left.length;
    this.#synced = Buffer.from(left);
  }

  copy(): DiskFile {
    const copy = new DiskFile();
    copy.write(this.bytes, 0);
    copy.sync();
    return copy;
  }
}

export class Disk {
  #names = new Map<string, DiskFile>();
  /** The names that a crash leaves. */
  #syncedNames = new Map<string, DiskFile>();
  readonly folders = new Set<string>();

  find(path: string): DiskFile | undefined {
    return this.#names.get(path);
  }

  create(path: string): DiskFile {
    const file = new DiskFile();
    this.#names.set(path, file);
    return file;
  }

  /** A second name for a file. */
  link(from: string, to: string): boolean {
    const file = this.#names.get(from);
    if (file === undefined) return false;
    this.#names.set(to, file);
    return true;
  }

  rename(from: string, to: string): boolean {
    const file = this.#names.get(from);
    if (file === undefined) return false;
    this.#names.set(to, file);
    this.#names.delete(from);
    return true;
  }

  /** The names directly below a folder. */
  list(folder: string): readonly string[] {
    const prefix = `${folder}/`;
    const found = new Set<string>();
    for (const path of [...this.#names.keys(), ...this.folders])
      if (path.startsWith(prefix)) found.add(path.slice(prefix.length).split("/")[0] ?? "");
    return [...found];
  }

  has(path: string): boolean {
    return this.#names.has(path) || this.folders.has(path);
  }

  remove(path: string): void {
    for (const name of this.#names.keys()) if (name === path || name.startsWith(`${path}/`)) this.#names.delete(name);
    for (const name of this.folders) if (name === path || name.startsWith(`${path}/`)) this.folders.delete(name);
  }

  syncFolder(folder: string): void {
    const isIn = (path: string): boolean => path.slice(0, path.lastIndexOf("/")) === folder;
    for (const path of this.#syncedNames.keys())
      if (isIn(path) && !this.#names.has(path)) this.#syncedNames.delete(path);
    for (const [path, file] of this.#names) if (isIn(path)) this.#syncedNames.set(path, file);
  }

  /** The host crashed. Of names that were not synced, each may be there or not. */
  crash(random: Random): void {
    const left = new Map<string, DiskFile>();
    for (const path of new Set([...this.#names.keys(), ...this.#syncedNames.keys()])) {
      const file = random.chance(0.5) ? this.#names.get(path) : this.#syncedNames.get(path);
      if (file !== undefined) left.set(path, file);
    }
    for (const file of new Set(left.values())) file.crash(random);
    this.#names = left;
    this.#syncedNames = new Map(left);
  }

  /** An image of it, as a backup or a clone has it. */
  copy(): Disk {
    const copy = new Disk();
    for (const [path, file] of this.#names) copy.#names.set(path, file.copy());
    for (const path of this.folders) copy.folders.add(path);
    copy.#syncedNames = new Map(copy.#names);
    return copy;
  }
}
