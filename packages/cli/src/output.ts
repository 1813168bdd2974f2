/**
 * The only place that prints. To stdout goes what was asked for: a script's bytes as they are, a table, with `--json`
 * one document, or one a line while following. All that is said beside it goes to stderr; with `--json` only errors do.
 */
import type { JobsError } from "@jobs/core";
import pico from "picocolors";
import type { CliIo, OutputStream } from "./io.ts";
import { cutTo, widthOf } from "./text-width.ts";

type Colour = "green" | "red" | "yellow" | "cyan" | "blue" | "magenta" | "dim" | "bold";

/** A cell of a table: its text, and its colour on a terminal. */
export type Cell = string | { readonly text: string; readonly colour: Colour };

/** A host whose lines are printed behind its name: that, and its colour on a terminal. */
export type HostLabel = Exclude<Cell, string>;

/** Prints for one command. */
export class Output {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #interrupt: AbortSignal;
  readonly #colours: ReturnType<typeof pico.createColors>;
  /** While the reader is slow. */
  #drained: Promise<void> | undefined;
  /** True when programs read the output. */
  readonly isJson: boolean;

  constructor({ stdout, stderr, env, interrupt }: CliIo, { json }: { readonly json: boolean }) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#interrupt = interrupt;
    this.#colours = pico.createColors(stdout.isTTY === true && !env["NO_COLOR"]);
    this.isJson = json;
  }

  /** One line for people on stdout. */
  line(text: string): void {
    this.#stdout.write(`${printable(text)}\n`);
  }

  /** One JSON document on stdout, on a line of its own. */
  json(document: unknown): void {
    this.#stdout.write(`${JSON.stringify(document)}\n`);
  }

  /** One of many JSON documents, as of a log; waits as {@link bytes} does. */
  async record(document: unknown): Promise<void> {
    await this.bytes(Buffer.from(`${JSON.stringify(document)}\n`));
  }

  /** Lines of a host's log, each behind its name, also where it begins anew with a return; waits as {@link bytes} does. */
  async hostLines({ text, colour }: HostLabel, lines: readonly string[]): Promise<void> {
    // What a line leaves switched on, its colour or blinking, ends with it.
    const name = this.#colours.reset(this.#colours[colour](`${printable(text)} | `));
    const shown = lines.map((line) => `${name}${line.replaceAll("\r", () => `\r${name}`)}\n`);
    await this.bytes(Buffer.from(shown.join("")));
  }

  /**
   * Bytes on stdout, unchanged; waits while the reader is slow, of several callers one after the other. Rejects with the
   * reason of an interrupt.
   */
  async bytes(bytes: Uint8Array): Promise<void> {
    while (this.#drained !== undefined) await this.#drained;
    if (this.#stdout.write(bytes)) return;
    this.#drained = this.#drain().finally(() => (this.#drained = undefined));
    await this.#drained;
  }

  /** One line for people on stderr, beside the output; nothing with `--json`. */
  note(text: string): void {
    if (!this.isJson) this.#stderr.write(`${printable(text)}\n`);
  }

  /** An error on stderr: `jobs: <message> (<code>)`, or its JSON form. */
  error(error: JobsError): void {
    const text = this.isJson ? JSON.stringify(error.toBody()) : `jobs: ${printable(error.message)} (${error.code})`;
    this.#stderr.write(`${text}\n`);
  }

  /** Rows in columns on stdout; the last column is cut at the terminal's edge. */
  table(rows: readonly (readonly Cell[])[]): void {
    const texts = rows.map((row) => row.map((cell) => printable(typeof cell === "string" ? cell : cell.text)));
    const widths = texts.reduce<number[]>(
      (all, row) => row.map((text, at) => Math.max(all[at] ?? 0, widthOf(text))),
      [],
    );
    for (const [index, row] of rows.entries()) {
      let used = 0;
      const cells = row.map((cell, at) => {
        const text = texts[index]?.[at] ?? "";
        const isLast = at === row.length - 1;
        const width = widths[at] ?? 0;
        const shown = isLast ? this.#cut(text, used) : text + " ".repeat(width - widthOf(text));
        used += width + 2;
        return typeof cell === "string" ? shown : this.#colours[cell.colour](shown);
      });
      this.#stdout.write(`${cells.join("  ").trimEnd()}\n`);
    }
  }

  /** Waits until the reader has taken what is written. */
  async #drain(): Promise<void> {
    const { signal, done } = linked(this.#interrupt);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#stdout.once("drain", resolve);
        signal.addEventListener("abort", () => {
          this.#stdout.off("drain", resolve);
          reject(this.#interrupt.reason);
        });
      });
    } finally {
      done();
    }
  }

  #cut(text: string, used: number): string {
    const room = (this.#stdout.isTTY === true ? (this.#stdout.columns ?? 80) : Infinity) - used;
    return cutTo(text, Math.max(2, room));
  }
}

/** Text on one line that cannot drive a terminal, nor turn it round: names and messages come from other people and other hosts. */
function printable(text: string): string {
  return text
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll("\t", "  ")
    .replaceAll("\r", "␍")
    .replaceAll(/\p{Cc}/gu, "\uFFFD")
    .replaceAll(/\p{Bidi_Control}/gu, "");
}

/** A signal of its own, so that a listener on it does not outlive its use. */
function linked(parent: AbortSignal): { readonly signal: AbortSignal; readonly done: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  parent.addEventListener("abort", abort, { once: true });
  if (parent.aborted) queueMicrotask(abort);
  return { signal: controller.signal, done: () => parent.removeEventListener("abort", abort) };
}
