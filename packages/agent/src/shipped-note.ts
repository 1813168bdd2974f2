import { readFile, rename, writeFile } from "node:fs/promises";

/**
 * How far a log was acknowledged, in a file, for the next agent process. Lost with the host, it costs sending again what
 * LOGS has already; so it is not synced. A wrong one would leave out bytes: so it is only ever replaced as a whole.
 */
export class ShippedNote {
  readonly #path: string;
  #wanted: number | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** How many bytes were acknowledged; 0 when nothing is noted, or nothing that can be read. */
  async load(): Promise<number> {
    const note = Number(await readFile(this.#path, "utf8").catch(() => "0"));
    return Number.isSafeInteger(note) && note > 0 ? note : 0;
  }

  /** Resolves when this, or what was noted after it, was written or could not be. */
  note(lengthBytes: number): Promise<void> {
    this.#wanted = lengthBytes;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  /** One write at a time: of two at once, the end of the longer number would stand behind the shorter one. */
  async #write(): Promise<void> {
    while (this.#wanted !== undefined) {
      const text = String(this.#wanted);
      this.#wanted = undefined;
      const temporary = `${this.#path}.new`;
      await writeFile(temporary, text)
        .then(() => rename(temporary, this.#path))
        .catch(() => undefined); // the folder is gone with its attempt, or the disk is full
    }
  }
}
