import { closeSync, constants, openSync, rmSync, writeSync } from "node:fs";
import { signalProcess } from "./process-table.ts";
import { Pty, type PtyListener, type PtySize } from "./pty.ts";
import { BECOME_SCRIPT } from "./shell-handover.ts";

/** Reads what sets its arguments. It has none before, so when nobody ever writes there is nothing to execute. */
const WAIT = `mkfifo -m 600 "$1" || exit 1; fifo=$1; shift; . "$fifo"; ${BECOME_SCRIPT}`;

export interface WaitingShellOptions {
  /** A path where nothing is; the shell makes the FIFO. */
  readonly fifoPath: string;
  readonly size: PtySize;
  /** It ended, or said something, and nobody had asked it to. */
  readonly onFailed: (why: string) => void;
}

/**
 * A shell on a pty that does nothing until it is told over a FIFO what to become.
 *
 *     loading ── reads its FIFO ──► waiting ── handOver ──► the process of the listener
 *        └────── end, or a failure ────┴──► ended
 *
 * It knows nothing of a script before, and hangs up with whoever forked it.
 */
export class WaitingShell {
  readonly pty: Pty;
  readonly size: PtySize;
  /** Resolves when it ended unused. */
  readonly ended: Promise<void>;
  readonly #fifoPath: string;
  #isEnding = false;

  /** @throws when the host has no pty, no process or no descriptor left */
  constructor({ fifoPath, size, onFailed }: WaitingShellOptions) {
    let onEnded!: () => void;
    this.ended = new Promise((resolve) => (onEnded = resolve));
    this.size = size;
    this.#fifoPath = fifoPath;
    const fail = (why: string): void => {
      if (this.#isEnding) return;
      this.end();
      onFailed(why);
    };
    this.pty = Pty.spawn(
      { file: "/bin/sh", args: ["-c", WAIT, "sh", fifoPath], env: {}, directory: "/", ...size },
      {
        onBytes: (bytes) => fail(bytes.toString().trim()),
        onLeaderExit: (exit) => fail(JSON.stringify(exit)),
        onDrained: onEnded,
      },
    );
  }

  /** @returns false when it does not wait (yet, or any more): then it has not seen, and never sees, any of the text */
  handOver(text: Buffer, listener: PtyListener): boolean {
    const fifo = this.#openFifo();
    if (fifo === undefined) return false;
    try {
      if (!writeWhole(fifo, text)) {
        // Before the close: it must be dead when it could see that the text ends here.
        this.end();
        return false;
      }
    } finally {
      closeSync(fifo);
    }
    this.pty.handOver(listener);
    rmSync(this.#fifoPath, { force: true });
    return true;
  }

  end(): void {
    this.#isEnding = true;
    signalProcess(this.pty.leader, "SIGKILL");
    rmSync(this.#fifoPath, { force: true });
  }

  /** The kernel lets nobody in who would not wait, before the shell has come to its end of the FIFO. */
  #openFifo(): number | undefined {
    try {
      return openSync(this.#fifoPath, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
  }
}

function writeWhole(fifo: number, text: Buffer): boolean {
  try {
    return writeSync(fifo, text) === text.length;
  } catch {
    return false;
  }
}
