import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { ReadStream } from "node:tty";
import { native } from "node-pty";
import { bootClockMs } from "./boot-clock.ts";
import { findProcess, type ProcessIdentity } from "./process-table.ts";

/** How long a drain may stand still: a script can stop its terminal (`tcflow`), and then it never ends. */
const DRAIN_WATCHDOG_MS = 5_000;
const SENTINEL_RETRY_MS = 2;
/** The kernel keeps far less than this between the two ends of a pty: a sentinel written is before it, or is lost. */
const DRAIN_LIMIT_BYTES = 4 * 1024 * 1024;

const SIGNAL_NAMES = new Map(Object.entries(osConstants.signals).map(([name, number]) => [number, name]));

/** The descriptors of this side's ends of all ptys: the native half leaves them open in what is executed later. */
const openMasters = new Map<ReadStream, number>();
/** Of `/dev/null`, in the gaps below the highest of these. */
const fillers = new Set<number>();
/** Up to here a new pty gets a descriptor above all others; at most a quarter of what this process may have. */
const HIGHEST_FILLED = Math.min(4_096, mayHaveDescriptors() / 4);

/** How the leader ended: one of the two. */
export interface LeaderExit {
  readonly exitCode?: number;
  readonly signal?: string;
}

export interface PtySize {
  readonly columns: number;
  readonly rows: number;
}

export interface PtyProgram extends PtySize {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
}

export interface PtyListener {
  readonly onBytes: (bytes: Buffer) => void;
  /** The leader is gone; bytes it printed may still come. */
  readonly onLeaderExit: (exit: LeaderExit) => void;
  /** All that the leader printed was handed over; nothing comes after this. */
  readonly onDrained: () => void;
}

/**
 * A process on a pty whose output arrives to the last byte.
 *
 * Reading a pty until it hangs up loses the end of the output on this libuv, and never ends when a daemon keeps the
 * terminal. So this side holds the terminal open too: no hang-up ever comes. When the leader was reaped, a random
 * sentinel is written into the terminal behind everything the leader printed; when the reader meets it, all is read.
 */
export class Pty {
  readonly leader: ProcessIdentity;
  readonly #stream: ReadStream;
  readonly #terminal: number;
  #listener: PtyListener;
  #sentinel: Buffer | undefined;
  #sentinelWritten = 0;
  #held: Buffer = Buffer.alloc(0);
  #drainedBytes = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isDrained = false;

  /** @throws when the host has no pty, no process or no descriptor left */
  static spawn(program: PtyProgram, listener: PtyListener): Pty {
    const spare = reserveDescriptor();
    const environment = Object.entries(program.env).map(([name, value]) => `${name}=${value}`);
    const { file, args, directory, columns, rows } = program;
    const earliestTicks = Math.floor(bootClockMs() / 10) - 1;
    let pty: Pty | undefined;
    const onExit = (code: number, signal: number) => {
      if (pty !== undefined) pty.#leaderExited(code, signal);
    };
    let forked: ReturnType<typeof native.fork>;
    try {
      forked = native.fork(file, args, environment, directory, columns, rows, -1, -1, true, "", onExit);
    } finally {
      closeSync(spare);
    }
    try {
      // In the same turn as the fork, so that the reader never sees a hang-up.
      const terminal = openSync(forked.pty, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
      const leader = { pid: forked.pid, startTicks: findProcess(forked.pid)?.startTicks ?? earliestTicks };
      const stream = new ReadStream(forked.fd);
      openMasters.set(stream, forked.fd);
      stream.once("close", () => openMasters.delete(stream));
      pty = new Pty(listener, { leader, terminal, stream });
      return pty;
    } catch (error) {
      // Some microseconds old: it has not come to the script yet.
      process.kill(forked.pid, "SIGKILL");
      closeSync(forked.fd);
      throw error;
    }
  }

  private constructor(
    listener: PtyListener,
    opened: { leader: ProcessIdentity; terminal: number; stream: ReadStream },
  ) {
    this.#listener = listener;
    this.leader = opened.leader;
    this.#terminal = opened.terminal;
    this.#stream = opened.stream;
    this.#stream.on("data", (bytes: Buffer) => this.#read(bytes));
    this.#stream.on("error", () => this.#finishDrain());
    this.#stream.on("end", () => this.#finishDrain());
  }

  /** From now on somebody else hears of it. */
  handOver(listener: PtyListener): void {
    this.#listener = listener;
  }

  /** Stops reading: soon the script blocks in its next write, and nothing more piles up here. */
  pause(): void {
    this.#isPaused = true;
    this.#stream.pause();
    clearTimeout(this.#watchdog);
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream.resume();
    if (this.#sentinel !== undefined) this.#armWatchdog();
  }

  /** Gives the process up: whatever it still prints goes nowhere. */
  abandon(): void {
    this.#finishDrain();
  }

  #leaderExited(code: number, signal: number): void {
    // A death by signal comes with exit code 0.
    this.#listener.onLeaderExit(
      signal > 0 ? { signal: SIGNAL_NAMES.get(signal) ?? `SIG${signal}` } : { exitCode: code },
    );
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
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return this.#finishDrain();
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
      return this.#finishDrain();
    }
    if (this.#sentinelWritten < this.#sentinel.length) return;
    this.#drainedBytes += bytes.length;
    if (this.#drainedBytes > DRAIN_LIMIT_BYTES) this.#finishDrain();
    else this.#armWatchdog();
  }

  #armWatchdog(): void {
    clearTimeout(this.#watchdog);
    // A drain that waits for the disk does not stand still by the script's doing: what is unread is read later.
    if (!this.#isDrained && !this.#isPaused) this.#watchdog = setTimeout(() => this.#finishDrain(), DRAIN_WATCHDOG_MS);
  }

  #finishDrain(): void {
    if (this.#isDrained) return;
    this.#isDrained = true;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#retry);
    if (this.#held.length > 0) this.#listener.onBytes(this.#held);
    closeSync(this.#terminal);
    this.#stream.destroy();
    this.#listener.onDrained();
  }
}

/**
 * Takes the lowest free descriptor above all masters, for the terminal, after the fork: then it would be too late to
 * refuse. All free ones below are filled, and stay so.
 *
 * - With a free one among them the native half stops there to close them in the child: it would hold the terminals of
 *   other scripts, could read them, and they would not hang up with this process. So the new master is to be the highest.
 * - While scripts overlap each would be higher than the one before it, without an end. Beyond `HIGHEST_FILLED` they
 *   begin low again: what is started before those above have ended inherits their terminals, and keeps them.
 */
function reserveDescriptor(): number {
  const highest = Math.max(...openMasters.values());
  if (highest <= HIGHEST_FILLED) {
    try {
      return fillUpTo(highest);
    } catch {
      // There is no room for that: what room there is is for the scripts.
    }
  }
  for (const filler of fillers) unfill(filler);
  return openSync("/dev/null", "r");
}

function fillUpTo(highest: number): number {
  for (const filler of fillers) if (filler > highest) unfill(filler);
  for (;;) {
    const descriptor = openSync("/dev/null", "r");
    if (descriptor > highest) return descriptor;
    fillers.add(descriptor);
  }
}

/** The soft limit of this process, which Node has raised to the hard one. */
function mayHaveDescriptors(): number {
  const limit = /^Max open files +(\d+)/mu.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return limit === undefined ? Infinity : Number(limit);
}

function unfill(filler: number): void {
  fillers.delete(filler);
  closeSync(filler);
}
