import type { LeaderExit } from "../leaders.ts";
import { Pty, type PtyProgram } from "../pty.ts";

/** What was printed to the last byte, and how the leader ended. */
export interface Ended {
  readonly output: string;
  readonly isWhole: boolean;
  readonly exit: LeaderExit;
}

export interface RunningOnPty {
  readonly pty: Pty;
  /** The leader is gone; what it printed may not have been read. */
  readonly exited: Promise<void>;
  readonly ended: Promise<Ended>;
}

/** A program that `sh` reads, with an empty environment. */
export function shell(script: string): PtyProgram {
  return { file: "/bin/sh", args: ["sh", "-c", script], env: {}, directory: "/", columns: 80, rows: 24 };
}

export function startOnPty(program: PtyProgram): RunningOnPty {
  const chunks: Buffer[] = [];
  let exit: LeaderExit = {};
  let onExited!: () => void;
  let onDrained!: (isWhole: boolean) => void;
  const exited = new Promise<void>((resolve) => (onExited = resolve));
  const drained = new Promise<boolean>((resolve) => (onDrained = resolve));
  const pty = Pty.spawn(program, {
    onBytes: (bytes) => chunks.push(bytes),
    onLeaderExit: (leaderExit) => {
      exit = leaderExit;
      onExited();
    },
    onDrained,
  });
  const ended = drained.then((isWhole) => ({ output: Buffer.concat(chunks).toString(), isWhole, exit }));
  return { pty, exited, ended };
}
