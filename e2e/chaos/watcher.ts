/**
 * Follows the file of marks and looks at the processes behind them: when an attempt has started and one before it of the
 * same job is still there, both are alive at once, whatever their marks will say.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { attemptOf, parseMark, type Mark, type StartMark } from "./marks.ts";
import { isAlive } from "./proc.ts";

/** Two attempts of one job, seen alive at the same time. */
export interface SeenTogether {
  readonly earlier: StartMark;
  readonly later: StartMark;
}

const LOOK_MS = 10;

export class Watcher implements Disposable {
  readonly marks: Mark[] = [];
  readonly together: SeenTogether[] = [];
  readonly #file: number;
  readonly #alive = new Map<string, StartMark>();
  readonly #timer: NodeJS.Timeout;
  #rest = "";

  constructor(file: string) {
    this.#file = openSync(file, "a+");
    this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  /** Reads what has been appended since the last look. */
  look(): void {
    const buffer = Buffer.alloc(64 * 1024);
    for (let length = -1; length !== 0;) {
      length = readSync(this.#file, buffer, 0, buffer.length, null);
      const lines = (this.#rest + buffer.toString("utf8", 0, length)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#take(parseMark(line));
    }
  }

  /** The attempts whose process is there. */
  alive(): readonly StartMark[] {
    for (const [name, mark] of this.#alive) if (!isAlive(mark)) this.#alive.delete(name);
    return [...this.#alive.values()];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    closeSync(this.#file);
  }

  #take(mark: Mark): void {
    this.marks.push(mark);
    if (mark.kind === "end") return;
    for (const earlier of this.alive()) if (earlier.job === mark.job) this.together.push({ earlier, later: mark });
    this.#alive.set(attemptOf(mark), mark);
  }
}
