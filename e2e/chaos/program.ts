/**
 * A server or an agent as a process of its own that is killed and started again in the same place. What it prints goes
 * to a file. One that ends by itself is started again, as a service manager would, and that is told.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

export interface ProgramOptions {
  readonly name: string;
  /** File of its main module. */
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** It ended, though nobody ended it; or it did not end when it was told to. */
  readonly onMisbehaviour: (program: string, what: string) => void;
}

const RESTART_MS = 500;
/** An orderly end may take so long, whatever is broken around it. */
const END_LIMIT_MS = 20_000;

export class Program implements AsyncDisposable {
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  /** False while it is down on purpose. */
  #isWanted = false;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#spawn();
  }

  /** Ends it and waits until it is gone; it stays down until the next `start()`. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (child === undefined || hasExited(child)) return;
    const exited = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => {
      this.#options.onMisbehaviour(this.name, `did not end within ${END_LIMIT_MS} ms of ${signal}`);
      child.kill("SIGKILL");
    }, END_LIMIT_MS);
    await exited;
    clearTimeout(timer);
  }

  /** SIGSTOP or SIGCONT. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }

  #spawn(): void {
    const { main, env, logFile } = this.#options;
    const log = openSync(logFile, "a");
    const child = spawn(process.execPath, [main], {
      env: { PATH: process.env["PATH"] ?? "", JOBS_LOG_LEVEL: process.env["JOBS_LOG_LEVEL"] ?? "info", ...env },
      stdio: ["ignore", log, log],
      detached: true, // Ctrl-C is for the driver, which then ends it
    });
    closeSync(log);
    this.#child = child;
    child.once("exit", () => void this.#onExit(child));
  }

  async #onExit(child: ChildProcess): Promise<void> {
    if (!this.#isWanted || child !== this.#child) return;
    const { name, logFile, onMisbehaviour } = this.#options;
    const lastLine = readFileSync(logFile, "utf8").trimEnd().split("\n").at(-1) ?? "";
    onMisbehaviour(name, `ended by itself: ${lastLine}`);
    await delay(RESTART_MS);
    if (this.#isWanted && child === this.#child) this.#spawn();
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
