import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { bootClockMs } from "./boot-clock.ts";
import { onLeaderExit, spawnLeader, type LeaderExit } from "./leaders.ts";
import { openPty, type Program } from "./libc.ts";
import { findProcess, type ProcessIdentity } from "./process-table.ts";

/** How long a drain may stand still: a script can stop its terminal (`tcflow`), and then it never ends. */
const DRAIN_WATCHDOG_MS = 5_000;
const SENTINEL_RETRY_MS = 2;
/**
 * The kernel keeps far less than this between the two ends of a pty: what the leader printed is before it. Who floods the
 * terminal behind it can keep the sentinel out for long.
 */
const DRAIN_LIMIT_BYTES = 4 * 1024 * 1024;

export interface PtyProgram extends Program {
  readonly directory: string;
  /** Size of the terminal. */
  readonly columns: number;
  readonly rows: number;
}

export interface PtyListener {
  readonly onBytes: (bytes: Buffer) => void;
  /** The leader is gone; bytes it printed may still come. */
  readonly onLeaderExit: (exit: LeaderExit) => void;
  /**
   * The leader is gone, or was given up, and nothing comes after this. `isWhole`: all that it printed was handed over. Not
   * so when somebody hung the terminal up (`vhangup`): what had not been read by then has gone with it.
   */
  readonly onDrained: (isWhole: boolean) => void;
}

/**
 * A process on a pty whose output arrives to the last byte.
 *
 * Reading a pty until it hangs up loses the end of the output on this libuv, and never ends when a daemon keeps the
 * terminal. So this side holds the terminal open too: no hang-up ever comes. When the leader was reaped, a random
 * sentinel is written into the terminal behind everything the leader printed; when the reader meets it, all is read.
 */
export class Pty {
  readonly leader: Leader;
  readonly #stream: ReadStream;
  readonly #terminal: number;
  readonly #listener: PtyListener;
  #sentinel: Buffer | undefined;
  #sentinelWritten = 0;
  #held: Buffer = Buffer.alloc(0);
  #drainedBytes = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #lastLook: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isDrained = false;

  /** @throws when the host has no pty, process or descriptor left, or cannot execute the file */
  static spawn(program: PtyProgram, listener: PtyListener): Pty {
    const { directory, columns, rows } = program;
    const earliestTicks = Math.floor(bootClockMs() / 10) - 1;
    const { master, terminalPath } = openPty(columns, rows);
    let stream: ReadStream | undefined;
    let terminal: number | undefined;
    let pid: number | undefined;
    try {
      stream = new ReadStream(master);
      // Before anybody else, and to the end, so that the reader never sees a hang-up.
      terminal = openSync(terminalPath, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
      pid = inDirectory(directory, () => spawnLeader(program, terminalPath));
      const pty = new Pty(listener, { pid, earliestTicks, terminal, stream });
      onLeaderExit(pid, (exit) => pty.#leaderExited(exit));
      return pty;
    } catch (error) {
      // Nobody could look after it: it ends before it has come far.
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
      if (terminal !== undefined) closeSync(terminal);
      if (stream === undefined) closeSync(master);
      else stream.destroy();
      throw error;
    }
  }

  private constructor(
    listener: PtyListener,
    opened: { pid: number; earliestTicks: number; terminal: number; stream: ReadStream },
  ) {
    this.#listener = listener;
    this.leader = new Leader(opened.pid, opened.earliestTicks);
    this.#terminal = opened.terminal;
    this.#stream = opened.stream;
    this.#stream.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#stream.on("error", () => this.#finishDrain(false));
    this.#stream.on("end", () => this.#finishDrain(false));
  }

  /** Stops reading: soon the script blocks in its next write, and nothing more piles up here. */
  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
    this.#disarmWatchdog();
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream.resume();
    if (this.#sentinel !== undefined) this.#armWatchdog();
  }

  /** Gives the process up: whatever it still prints goes nowhere. */
  abandon(): void {
    this.#finishDrain(false);
  }

  #leaderExited(exit: LeaderExit): void {
    this.leader.isGone = true;
    this.#listener.onLeaderExit(exit);
    // Capitals and digits pass every output mode of a terminal unchanged.
    this.#sentinel = Buffer.from(randomBytes(16).toString("hex").toUpperCase());
    this.#armWatchdog();
    this.#writeSentinel();
  }

  #writeSentinel(): void {
    if (this.#isDrained || this.#sentinel === undefined) return;
    try {
      this.#sentinelWritten += writeSync(this.#terminal, this.#sentinel, this.#sentinelWritten);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return this.#finishDrain(false);
    }
    if (this.#sentinelWritten < this.#sentinel.length) {
      this.#retry = setTimeout(() => this.#writeSentinel(), SENTINEL_RETRY_MS);
    }
  }

  #read(bytes: Buffer): void {
    if (this.#isDrained) return;
    if (this.#sentinel === undefined) return this.#listener.onBytes(bytes);
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const index = all.indexOf(this.#sentinel);
    const readyBytes = index >= 0 ? index : Math.max(0, all.length - this.#sentinel.length + 1);
    this.#held = all.subarray(readyBytes);
    if (readyBytes > 0) this.#listener.onBytes(all.subarray(0, readyBytes));
    if (index >= 0) {
      this.#held = Buffer.alloc(0);
      return this.#finishDrain(true);
    }
    this.#drainedBytes += bytes.length;
    if (this.#drainedBytes > DRAIN_LIMIT_BYTES) this.#finishDrain(true);
    else if (this.#sentinelWritten === this.#sentinel.length) this.#armWatchdog();
  }

  #armWatchdog(): void {
    this.#disarmWatchdog();
    // A drain that waits for the disk does not stand still by the script's doing: what is unread is read later.
    if (this.#isDrained || this.#isPaused) return;
    this.#watchdog = setTimeout(() => {
      // After a pause of the whole process the time is over before anything was read: so once more first. What a terminal
      // that is stopped has taken, it hands over.
      this.#lastLook = setImmediate(() => this.#finishDrain(true));
    }, DRAIN_WATCHDOG_MS);
  }

  #disarmWatchdog(): void {
    clearTimeout(this.#watchdog);
    clearImmediate(this.#lastLook);
  }

  #finishDrain(isWhole: boolean): void {
    if (this.#isDrained) return;
    this.#isDrained = true;
    this.#disarmWatchdog();
    clearTimeout(this.#retry);
    if (this.#held.length > 0) this.#listener.onBytes(this.#held);
    closeSync(this.#terminal);
    this.#stream.destroy();
    this.#listener.onDrained(isWhole);
  }
}

/** The leader of a pty's session. */
class Leader implements ProcessIdentity {
  readonly pid: number;
  /** It was reaped: another process may have its number by now. */
  isGone = false;
  readonly #earliestTicks: number;
  #startTicks: number | undefined;

  constructor(pid: number, earliestTicks: number) {
    this.pid = pid;
    this.#earliestTicks = earliestTicks;
  }

  /** Asked of the kernel only once somebody wants to know: while a process executes its program, that takes milliseconds. */
  get startTicks(): number {
    if (!this.isGone) this.#startTicks ??= findTicks(this.pid);
    return this.#startTicks ?? this.#earliestTicks;
  }
}

function findTicks(pid: number): number | undefined {
  try {
    return findProcess(pid)?.startTicks;
  } catch {
    return undefined; // no descriptor left to look with
  }
}

/** A child begins where its parent is: older C libraries have no other way to say where. */
function inDirectory<Result>(directory: string, act: () => Result): Result {
  const before = process.cwd();
  process.chdir(directory);
  try {
    return act();
  } finally {
    process.chdir(before);
  }
}
