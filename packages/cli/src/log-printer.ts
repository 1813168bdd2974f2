import type { StoredLog } from "@jobs/core";
import type { LogChunk, RunHandle } from "@jobs/sdk";
import { LineCutter } from "./line-cutter.ts";
import type { HostLabel, Output } from "./output.ts";

interface LogPrinterOptions {
  /** Offset of the first byte. */
  readonly from?: number;
  /** Of a run for several hosts: whole lines are printed, each behind its name. Left out: the bytes as they are. */
  readonly host?: HostLabel;
}

/** Prints the chunks of a log, and what must be said between them. */
export class LogPrinter {
  readonly #output: Output;
  readonly #host: HostLabel | undefined;
  readonly #lines = new LineCutter();
  #reached: number;
  #attempt: number | undefined;
  #isCut = false;

  constructor(output: Output, { from = 0, host }: LogPrinterOptions) {
    this.#output = output;
    this.#host = host;
    this.#reached = from;
  }

  /** The offset behind the last byte. */
  get reached(): number {
    return this.#reached;
  }

  async print(chunk: LogChunk): Promise<void> {
    const { attempt, offset, bytes } = chunk;
    this.#isCut = false;
    const isNext = this.#attempt !== undefined && attempt !== this.#attempt;
    if (isNext) this.#reached = 0;
    const isGap = offset > this.#reached;
    if (isNext || isGap) await this.#printLines(this.#lines.end());
    if (isNext) this.#note(`Attempt ${attempt} begins.`);
    if (isGap) this.#note(`Bytes ${this.#reached}–${offset - 1} of the log are lost.`);
    this.#attempt = attempt;
    if (this.#output.isJson)
      await this.#output.record({
        type: "log",
        ...this.#of,
        attempt,
        offset,
        sizeBytes: bytes.length,
        text: chunk.text,
      });
    else if (this.#host === undefined) await this.#output.bytes(bytes);
    else await this.#printLines(this.#lines.take(chunk.text));
    this.#reached = offset + bytes.length;
  }

  /** How the log ended; undefined: it has not. */
  async end(log: StoredLog | undefined): Promise<void> {
    await this.#printLines(this.#lines.end());
    if (this.#output.isJson && log !== undefined) await this.#output.record({ type: "log-end", ...this.#of, ...log });
    if (log?.complete === false) this.#note("The log is not complete.");
  }

  /** Says it once, until bytes come again. */
  noteBreak({ message }: Error): void {
    if (!this.#isCut) this.#note(`${message} Trying again …`);
    this.#isCut = true;
  }

  get #of(): { readonly host?: string } {
    return this.#host === undefined ? {} : { host: this.#host.text };
  }

  #note(text: string): void {
    this.#output.note(`jobs: ${this.#host === undefined ? "" : `${this.#host.text}: `}${text}`);
  }

  async #printLines(lines: readonly string[]): Promise<void> {
    if (this.#host !== undefined && lines.length > 0) await this.#output.hostLines(this.#host, lines);
  }
}

/** Prints the chunks of a log to its end; gives how it ended. */
export async function printChunks(
  printer: LogPrinter,
  chunks: ReturnType<RunHandle["logs"]>,
): Promise<StoredLog | undefined> {
  let next = await chunks.next();
  for (; next.done !== true; next = await chunks.next()) await printer.print(next.value);
  return next.value;
}
