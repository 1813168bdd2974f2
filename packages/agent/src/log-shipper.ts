import { open, type FileHandle } from "node:fs/promises";
/**
 * Ships an attempt's spool to LOGS in chunks, in order, several under way at once.
 *
 *   idle ──spool has grown──► shipping ──all acknowledged──► idle
 *                                │  ▲
 *              one not acknowledged: wait, then again from the first byte that is not
 *
 * Bytes that come along with the word of them are sent as they are when they are the next, and all before them was sent;
 * else, and in every repetition, the spool is read.
 *
 * What is sent again is sent again to the end, so a reader that leaves out what does not fit misses nothing.
 */
import { CHUNK_MAX_BYTES, type AttemptAddress, type LogStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { ShippedNote } from "./shipped-note.ts";
import type { SpoolGrowth } from "./supervisor/protocol.ts";

const MAX_UNDER_WAY = 8;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export interface LogShipperOptions {
  readonly logs: LogStore;
  readonly address: AttemptAddress;
  readonly spoolPath: string;
  /** Where it is noted how far the log was acknowledged, for the next agent process. */
  readonly notePath: string;
  /** True for an attempt of an earlier agent process: shipping takes up where that one stopped. */
  readonly isAdopted: boolean;
  /** All that is in the spool now is acknowledged. */
  readonly onCaughtUp: () => void;
  readonly log: Logger;
}

export class LogShipper {
  readonly #options: LogShipperOptions;
  readonly #note: ShippedNote;
  #lengthBytes = 0;
  #acknowledged = 0;
  #next = 0;
  /** Ends of chunks acknowledged out of order, by their offset. */
  readonly #done = new Map<number, number>();
  #underWay = 0;
  /** Rises when shipping begins again: acknowledgements and failures of the time before do not count. */
  #round = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #pause: NodeJS.Timeout | undefined;
  #spool: Promise<FileHandle> | undefined;
  #isReading = false;
  #isStopped = false;
  /** The host crashed before the end of the spool was on its disk: it never comes, and the server settles without it. */
  #isCutShort = false;
  #isReady: boolean;

  constructor(options: LogShipperOptions) {
    this.#options = options;
    this.#note = new ShippedNote(options.notePath);
    this.#isReady = !options.isAdopted;
  }

  /** Bytes from the beginning that are all acknowledged; all of them when there are no more to be had. */
  get shippedBytes(): number {
    return this.#isCutShort && this.#underWay === 0 ? this.#lengthBytes : this.#acknowledged;
  }

  grow({ lengthBytes, bytes }: SpoolGrowth): void {
    if (lengthBytes <= this.#lengthBytes) return;
    this.#lengthBytes = lengthBytes;
    const isNext = bytes !== undefined && lengthBytes - bytes.length === this.#next;
    if (isNext && this.#isReady && !this.#isReading && this.#maySend()) this.#ship(bytes);
    else void this.#fill();
  }

  /** The store misses bytes from here on: sends them again. */
  rewind(offset: number): void {
    if (this.#isReady) this.#begin(Math.min(offset, this.#acknowledged));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#pause);
    // One that could not be opened needs no close.
    const spool = await this.#spool?.catch(() => undefined);
    await spool?.close();
  }

  #begin(offset: number): void {
    this.#round++;
    this.#acknowledged = this.#next = offset;
    this.#done.clear();
    this.#underWay = 0;
    void this.#fill();
  }

  async #fill(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      if (!this.#isReady) await this.#resume();
      while (this.#maySend() && this.#next < this.#lengthBytes) {
        const round = this.#round;
        const offset = this.#next;
        const bytes = await this.#read(offset, Math.min(this.#lengthBytes - offset, CHUNK_MAX_BYTES));
        if (round !== this.#round) continue;
        if (bytes.length === 0) return this.#noteCutShort();
        this.#ship(bytes);
      }
    } catch (error) {
      this.#options.log.warn({ err: error, ...this.#options.address }, "reading the spool failed; it is tried again");
      this.#pauseAndBegin(this.#round);
    } finally {
      this.#isReading = false;
    }
  }

  #maySend(): boolean {
    return !this.#isStopped && this.#pause === undefined && this.#underWay < MAX_UNDER_WAY;
  }

  /** Sends the bytes at `#next`. */
  #ship(bytes: Uint8Array): void {
    const offset = this.#next;
    this.#next = offset + bytes.length;
    this.#underWay++;
    void this.#send(offset, bytes, this.#round);
  }

  async #resume(): Promise<void> {
    this.#acknowledged = this.#next = await this.#note.load();
    this.#isReady = true;
    if (this.#acknowledged >= this.#lengthBytes) this.#options.onCaughtUp(); // a crash may have cut the spool shorter
  }

  #noteCutShort(): void {
    if (!this.#isCutShort)
      this.#options.log.warn(this.#options.address, "the end of the spool was lost in a crash of the host");
    this.#isCutShort = true;
    if (this.#underWay === 0) this.#options.onCaughtUp();
  }

  async #read(offset: number, lengthBytes: number): Promise<Uint8Array> {
    this.#spool ??= open(this.#options.spoolPath, "r");
    const spool = await this.#spool.catch((error: NodeJS.ErrnoException) => {
      this.#spool = undefined;
      if (error.code === "ENOENT") return undefined; // not even its name was on the disk
      throw error;
    });
    if (spool === undefined) return new Uint8Array();
    const { buffer, bytesRead } = await spool.read(Buffer.allocUnsafe(lengthBytes), 0, lengthBytes, offset);
    return buffer.subarray(0, bytesRead);
  }

  async #send(offset: number, bytes: Uint8Array, round: number): Promise<void> {
    try {
      await this.#options.logs.append(this.#options.address, { offset, bytes });
    } catch (error) {
      this.#options.log.debug(
        { err: error, offset, ...this.#options.address },
        "a chunk was not acknowledged; it is sent again",
      );
      return this.#pauseAndBegin(round);
    }
    if (round !== this.#round || this.#isStopped) return;
    this.#underWay--;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#done.set(offset, offset + bytes.length);
    for (let end = this.#done.get(this.#acknowledged); end !== undefined; end = this.#done.get(this.#acknowledged)) {
      this.#done.delete(this.#acknowledged);
      this.#acknowledged = end;
    }
    if (this.#acknowledged === this.#lengthBytes) this.#caughtUp();
    void this.#fill();
  }

  #caughtUp(): void {
    void this.#note.note(this.#acknowledged);
    this.#options.onCaughtUp();
  }

  #pauseAndBegin(round: number): void {
    if (round !== this.#round || this.#pause !== undefined || this.#isStopped) return;
    this.#round++;
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#begin(this.#acknowledged);
    }, this.#pauseMs);
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }
}
