import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { open, statfs, type FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { AttemptLog, SpoolGrowth } from "./protocol.ts";

/** Beyond this the source is paused until the write in flight is done. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
/** A pty hands over 4 kB at a time: in a flood, that many writes would cost more than the reading itself. */
const GATHER_BYTES = 64 * 1024;
const GATHER_MS = 1;
/** So much of the disk logs leave free, or this part of a small one: for the journal, for short logs, for what else is on it. */
const RESERVE_BYTES = 16 * 1024 * 1024;
const RESERVE_PART = 0.05;
/** How much is free is looked up each time that a log has grown by so much; a shorter one is always taken. */
const LOOK_UP_BYTES = 256 * 1024;

export interface SpoolOptions {
  readonly path: string;
  /** With all bytes since the time before: they are in the file now. */
  readonly onWritten: (growth: Required<SpoolGrowth>) => void;
  /** The disk does not keep up (true), or does again (false). */
  readonly onPressure: (isPressed: boolean) => void;
  /** Bytes were dropped for the first time: the log ends here, and will not be complete. */
  readonly onDropped: (error: unknown) => void;
}

/**
 * The log of an attempt as a file that only grows, and its running SHA-256.
 *
 * One write is in flight at a time; what arrives meanwhile goes into the next one. So a lone line is written at once
 * and a flood in large pieces. Nothing is synced: the page cache survives every death but the host's. Once this process or
 * the host has died, the file is a beginning of the log, and nobody knows whether it is all of it.
 *
 * Once the disk refused bytes, or is almost full, the spool takes no more: a log that ends early and says so is worth more than one with
 * a hole in the middle. The script never notices.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #file: FileHandle;
  readonly #hash = createHash("sha256");
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #lengthBytes = 0;
  #droppedBytes = 0;
  #lookUpAtBytes = LOOK_UP_BYTES;
  #hasFailed = false;
  #isPressed = false;
  #isClosing = false;
  #writing: Promise<void> | undefined;

  /** @throws when the file is there already, or cannot be made */
  static async open(options: SpoolOptions): Promise<Spool> {
    return new Spool(options, await open(options.path, "wx", 0o600));
  }

  private constructor(options: SpoolOptions, file: FileHandle) {
    this.#options = options;
    this.#file = file;
  }

  get log(): AttemptLog {
    const dropped = this.#droppedBytes === 0 ? {} : { droppedBytes: this.#droppedBytes };
    return { lengthBytes: this.#lengthBytes, ...dropped };
  }

  /** True while the disk does not keep up, and the source is not read. */
  get isPressed(): boolean {
    return this.#isPressed;
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#hasFailed) {
      this.#droppedBytes += bytes.length;
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes > HIGH_WATER_BYTES) this.#setPressed(true);
    this.#writing ??= this.#writePending();
  }

  /** Writes out what is pending; returns the log with its hash, unless bytes were dropped, or it is not the whole of it anyway. */
  async close(isWhole = true): Promise<AttemptLog> {
    this.#isClosing = true;
    await this.#writing;
    // Some file systems only say here that there was no room.
    await this.#file.close().catch((error: unknown) => this.#fail(error));
    return this.#hasFailed || !isWhole ? this.log : { ...this.log, sha256: this.#hash.digest("hex") };
  }

  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      const chunks = this.#pending;
      const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#pendingBytes);
      this.#pending = [];
      this.#pendingBytes = 0;
      await this.#write(bytes);
      this.#setPressed(false);
      // More came during one short write: this is a flood, so let it gather.
      const isFlood = this.#pendingBytes > 0 && this.#pendingBytes < GATHER_BYTES;
      if (isFlood && !this.#isClosing) await delay(GATHER_MS);
    }
    this.#writing = undefined;
  }

  async #write(bytes: Buffer): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      try {
        if (this.#hasFailed) throw new Error("the spool has failed before");
        await this.#keepReserve(bytes.length - written);
        const { bytesWritten } = await this.#file.write(bytes, written, bytes.length - written, this.#lengthBytes);
        this.#hash.update(bytes.subarray(written, written + bytesWritten));
        written += bytesWritten;
        this.#lengthBytes += bytesWritten;
      } catch (error) {
        this.#droppedBytes += bytes.length - written;
        this.#fail(error);
        break;
      }
    }
    if (written > 0) this.#options.onWritten({ lengthBytes: this.#lengthBytes, bytes: bytes.subarray(0, written) });
  }

  /** @throws when so many further bytes would take what logs leave free of the disk */
  async #keepReserve(moreBytes: number): Promise<void> {
    if (this.#lengthBytes + moreBytes < this.#lookUpAtBytes) return;
    const { bavail, blocks, bsize } = await statfs(this.#options.path);
    if (bavail * bsize - moreBytes < Math.min(RESERVE_BYTES, RESERVE_PART * blocks * bsize))
      throw new Error("the disk is almost full");
    this.#lookUpAtBytes = this.#lengthBytes + moreBytes + LOOK_UP_BYTES;
  }

  #fail(error: unknown): void {
    if (!this.#hasFailed) this.#options.onDropped(error);
    this.#hasFailed = true;
  }

  #setPressed(isPressed: boolean): void {
    if (isPressed === this.#isPressed) return;
    this.#isPressed = isPressed;
    this.#options.onPressure(isPressed);
  }
}

/** How much of its log a supervisor that is gone has left: 0 when it printed nothing, or that cannot be seen. */
export function measureSpool(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}
