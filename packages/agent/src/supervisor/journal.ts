import { writeSync } from "node:fs";
import { open, readFile, rename, appendFile, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { findRecord, JOURNAL_VERSION, type JournalRecord } from "./attempt-record.ts";

const DEFAULT_COMPACT_AT_BYTES = 4 * 1024 * 1024;

export interface JournalOptions {
  readonly path: string;
  /** All that the journal must still say: what it is rewritten to once it is large. */
  readonly snapshot: () => readonly JournalRecord[];
  readonly compactAtBytes?: number;
}

interface QueuedLine {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * An append-only file of records, one line each: a CRC-32 of the JSON in hex, a space, the JSON.
 *
 * - A record is safe once `append` resolved: written and synced. Records that arrive while one sync runs share the
 *   next one (group commit), so a burst of starts costs a few syncs, not one each.
 * - A large file is rewritten. Until its name is on the disk, too, a crash of the host may bring back the old one, which has
 *   all that was promised by then; so it is the next record that waits for the name.
 * - A write that failed is cut off again, so that the next one does not continue a torn line.
 * - A torn last line is what a crash leaves of a record nobody was promised: it is ignored. A damaged line before
 *   it, or one of another generation's kind or version, is set aside in `<path>.corrupt`; the rest still counts, since
 *   not starting at all would lose more.
 */
export class Journal {
  readonly #options: JournalOptions;
  #file: FileHandle;
  #sizeBytes: number;
  #compactAtBytes: number;
  /** False while a crash of the host may bring back the file that was there before. */
  #isNameSynced = true;
  #queue: QueuedLine[] = [];
  #pumping: Promise<void> | undefined;
  #syncCount = 0;

  private constructor(options: JournalOptions, file: FileHandle, sizeBytes: number) {
    this.#options = options;
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#compactAtBytes = options.compactAtBytes ?? DEFAULT_COMPACT_AT_BYTES;
  }

  /** Opens or creates the journal; returns with it what it says, and how many lines had to be set aside. */
  static async open(options: JournalOptions): Promise<{
    readonly journal: Journal;
    readonly records: readonly JournalRecord[];
    readonly corruptCount: number;
  }> {
    const bytes = await readFile(options.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    const { records, corrupt, goodBytes } = parseJournal(bytes);
    if (corrupt.length > 0) await appendFile(`${options.path}.corrupt`, `${corrupt.join("\n")}\n`, { mode: 0o600 });
    const file = await open(options.path, bytes.length === 0 ? "w+" : "r+", 0o600);
    await file.truncate(goodBytes);
    await syncDirectoryOf(options.path);
    const journal = new Journal(options, file, goodBytes);
    // Else the damaged lines would be set aside again at each start.
    if (corrupt.length > 0) journal.#compactAtBytes = 0;
    return { journal, records, corruptCount: corrupt.length };
  }

  /** How often the file was synced since it was opened. */
  get syncCount(): number {
    return this.#syncCount;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Resolves once the record is on the disk; rejects when it could not be written: then it is not in the journal. */
  append(record: JournalRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ line: formatLine(record), resolve, reject });
      this.#pumping ??= this.#pump();
    });
  }

  /** Rewrites a large journal to its snapshot. Records in memory must be ahead of those appended, never behind. */
  async compactIfLarge(): Promise<void> {
    if (this.#sizeBytes > this.#compactAtBytes) await this.#compact();
  }

  async close(): Promise<void> {
    await this.#pumping;
    await this.#file.close();
  }

  async #pump(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        await this.#write(batch.map(({ line }) => line).join(""));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        await this.#file.truncate(this.#sizeBytes).catch(() => undefined);
        for (const { reject } of batch) reject(error);
      }
      await this.compactIfLarge();
    }
    this.#pumping = undefined;
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    for (let written = 0; written < bytes.length;) {
      const position = this.#sizeBytes + written;
      // Into the page cache, at once: only the sync is worth a turn of the thread pool.
      written += writeSync(this.#file.fd, bytes, written, bytes.length - written, position);
    }
    await this.#file.datasync();
    if (!this.#isNameSynced) await syncDirectoryOf(this.#options.path);
    this.#isNameSynced = true;
    this.#syncCount += 1;
    this.#sizeBytes += bytes.length;
  }

  async #compact(): Promise<void> {
    const temporaryPath = `${this.#options.path}.new`;
    const bytes = Buffer.from(this.#options.snapshot().map(formatLine).join(""));
    let file: FileHandle | undefined;
    try {
      file = await open(temporaryPath, "w+", 0o600);
      await file.writeFile(bytes);
      await file.sync();
      await rename(temporaryPath, this.#options.path);
    } catch {
      // The old file is whole and goes on; a full disk must not make each further record try this again.
      this.#compactAtBytes = Math.max(this.#sizeBytes * 2, 1024 * 1024);
      await file?.close().catch(() => undefined);
      return;
    }
    const old = this.#file;
    this.#file = file;
    this.#sizeBytes = bytes.length;
    this.#compactAtBytes = Math.max(this.#options.compactAtBytes ?? DEFAULT_COMPACT_AT_BYTES, bytes.length * 2);
    this.#isNameSynced = false;
    await old.close().catch(() => undefined);
  }
}

function formatLine(record: JournalRecord): string {
  const json = JSON.stringify({ v: JOURNAL_VERSION, ...record });
  return `${checksum(json)} ${json}\n`;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}

function parseJournal(bytes: Buffer): {
  readonly records: readonly JournalRecord[];
  readonly corrupt: readonly string[];
  readonly goodBytes: number;
} {
  const records: JournalRecord[] = [];
  const corrupt: string[] = [];
  let goodBytes = 0;
  for (let begin = 0; begin < bytes.length;) {
    const end = bytes.indexOf(10, begin);
    if (end < 0) break;
    const line = bytes.toString("utf8", begin, end);
    const json = line.slice(9);
    begin = end + 1;
    goodBytes = begin;
    const record = line.slice(0, 9) === `${checksum(json)} ` ? findRecord(json) : undefined;
    if (record === undefined) corrupt.push(line);
    else records.push(record);
  }
  return { records, corrupt, goodBytes };
}

async function syncDirectoryOf(path: string): Promise<void> {
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
