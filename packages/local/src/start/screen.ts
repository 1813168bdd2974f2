import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
/** The only place that prints. Colours only on a terminal, and not with NO_COLOR. */
import type { JobsError } from "@jobs/core";
import type { RunView } from "@jobs/sdk";
import type { StartIo } from "./start-io.ts";

const LABEL_WIDTH = 13;
const SGR = { bold: 1, dim: 2, red: 31, green: 32, cyan: 36 } as const;

export class Screen {
  readonly #io: StartIo;
  readonly #hasColours: boolean;
  /** The begun line of a log. */
  #line = "";

  constructor(io: StartIo) {
    this.#io = io;
    this.#hasColours = io.stdout.isTTY === true && !io.env["NO_COLOR"];
  }

  line(text = ""): void {
    this.#io.stdout.write(text === "" ? "\n" : `  ${text}\n`);
  }

  heading(text: string): void {
    this.line();
    this.line(this.#in("bold", text));
  }

  /** A name and what there is to say of it. */
  part(name: string, text: string): void {
    this.line(`${this.#in("dim", name.padEnd(LABEL_WIDTH))}${text}`);
  }

  /** A command to copy. */
  command(text: string): void {
    this.line(`  ${this.#in("cyan", text)}`);
  }

  dim(text: string): void {
    this.line(this.#in("dim", text));
  }

  error(error: JobsError): void {
    this.#io.stderr.write(`jobs: ${error.message} (${error.code})\n`);
  }

  /** Text of a log, in any pieces; shown line by line. */
  log(text: string): void {
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop() ?? "";
    for (const line of lines) this.#logLine(line);
  }

  logEnd(): void {
    if (this.#line !== "") this.#logLine(this.#line);
    this.#line = "";
  }

  /** How a run ended. */
  outcome(run: RunView): void {
    const { runningAt, endedAt } = run.times;
    const took =
      runningAt === undefined || endedAt === undefined
        ? ""
        : ` after ${((Date.parse(endedAt) - Date.parse(runningAt)) / 1000).toFixed(1)} s`;
    const state = this.#in(run.state === "completed" ? "green" : "red", `${run.state}${took}`);
    this.part("result", `${state}. ${run.sentence}`);
  }

  /** A path as short as it can be said where the user is. */
  path(path: string): string {
    const short = relative(this.#io.cwd, path);
    return short === "" || short.startsWith("..") ? path : short;
  }

  #logLine(line: string): void {
    const text = line.replace(/\r$/, "");
    this.line(`${this.#in("dim", "|")} ${this.#hasColours ? text : stripVTControlCharacters(text)}`);
  }

  #in(style: keyof typeof SGR, text: string): string {
    return this.#hasColours ? `\u001B[${SGR[style]}m${text}\u001B[0m` : text;
  }
}
