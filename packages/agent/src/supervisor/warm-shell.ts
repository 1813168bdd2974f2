import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newestPid } from "./process-table.ts";
import { Pty, type PtyListener, type PtySize } from "./pty.ts";
import { BECOME_SCRIPT, composeHandover, type ScriptCommand } from "./shell-handover.ts";
import { WaitingShell } from "./waiting-shell.ts";

/** Most scripts have printed something by then, and a start that comes soon after still finds a shell. */
const REFILL_MS = 15;
const FIRST_SIZE: PtySize = { columns: 160, rows: 100 };
/** So many shells in a row that failed, and there will be no more: this host does not let them wait. */
const MAX_FAILURES = 3;

export interface WarmShellOptions {
  readonly stateDir: string;
  readonly log: (message: string) => void;
  /** How long after a start the next shell is forked; 15 ms unless given. */
  readonly refillMs?: number;
}

/** A script that was started. */
export interface StartedScript {
  readonly pty: Pty;
  /** Until the kernel begins anew with low numbers, those of all processes of it but the leader are not below this. */
  readonly lowestPid: number;
}

/**
 * Starts scripts, and keeps one shell forked ahead of need: a start then waits neither for the fork of this process
 * nor for a shell to load.
 *
 * - It is a convenience, never a condition: a start that finds none waiting, or that does not fit it, forks its own.
 * - The next one is forked when no start came for a moment, so that in a burst nobody waits for it.
 */
export class WarmShell {
  readonly #folder: string;
  readonly #log: (message: string) => void;
  readonly #refillMs: number;
  /** Waiting, or ended but not yet gone. */
  readonly #unused = new Set<WaitingShell>();
  #waiting: WaitingShell | undefined;
  #refill: NodeJS.Timeout | undefined;
  #size = FIRST_SIZE;
  #forkCount = 0;
  #failures = 0;
  #isRunning = false;

  constructor({ stateDir, log, refillMs = REFILL_MS }: WarmShellOptions) {
    this.#folder = join(stateDir, "shells");
    this.#log = log;
    this.#refillMs = refillMs;
  }

  /** Before this, and after `stop`, each start forks its own shell. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      // What is in it a supervisor left that was killed.
      await rm(this.#folder, { recursive: true, force: true });
      await mkdir(this.#folder, { mode: 0o700 });
      this.#refillSoon();
    } catch (error) {
      this.#isRunning = false;
      this.#log(`no shell can wait for scripts: ${String(error)}`);
    }
  }

  /** Ends the shell that waits; scripts that were started run on. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    clearTimeout(this.#refill);
    this.#waiting?.end();
    this.#waiting = undefined;
    await Promise.all([...this.#unused].map(({ ended }) => ended));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 2 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** @throws when the host has no pty, no process or no descriptor left */
  startScript(command: ScriptCommand, size: PtySize, listener: PtyListener): StartedScript {
    this.#size = size;
    const started = this.#handOver(command, size, listener) ?? forkScript(command, size, listener);
    this.#refillSoon();
    return started;
  }

  #handOver(command: ScriptCommand, size: PtySize, listener: PtyListener): StartedScript | undefined {
    const shell = this.#waiting;
    if (shell === undefined) return undefined;
    if (shell.size.columns !== size.columns || shell.size.rows !== size.rows) {
      this.#waiting = undefined;
      shell.end();
      return undefined;
    }
    const text = composeHandover(command);
    if (text === undefined) return undefined;
    const lowestPid = newestPid();
    if (!shell.handOver(text, listener)) return undefined;
    this.#waiting = undefined;
    this.#unused.delete(shell);
    this.#failures = 0;
    return { pty: shell.pty, lowestPid };
  }

  #refillSoon(): void {
    clearTimeout(this.#refill);
    if (!this.#isRunning || this.#waiting !== undefined || this.#failures >= MAX_FAILURES) return;
    this.#refill = setTimeout(() => this.#fork(), this.#refillMs);
  }

  #fork(): void {
    this.#forkCount += 1;
    const fifoPath = join(this.#folder, String(this.#forkCount));
    try {
      const shell = new WaitingShell({ fifoPath, size: this.#size, onFailed: (why) => this.#noteFailure(why) });
      this.#waiting = shell;
      this.#unused.add(shell);
      void shell.ended.then(() => this.#unused.delete(shell));
    } catch {
      // The host is short of something just now; the next start tries again.
    }
  }

  #noteFailure(why: string): void {
    this.#waiting = undefined;
    this.#failures += 1;
    this.#log(`the shell that waits for the next script ended: ${why}`);
    this.#refillSoon();
  }
}

function forkScript(command: ScriptCommand, size: PtySize, listener: PtyListener): StartedScript {
  const { interpreter, scriptPath, env, directory } = command;
  const args = ["-c", BECOME_SCRIPT, "sh", ...interpreter, scriptPath];
  const pty = Pty.spawn({ file: "/bin/sh", args, env, directory, ...size }, listener);
  return { pty, lowestPid: pty.leader.pid };
}
