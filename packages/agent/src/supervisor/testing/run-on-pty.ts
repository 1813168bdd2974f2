import type { LeaderExit } from "../leaders.ts";
import { Pty, type PtyProgram } from "../pty.ts";

/** What was printed to the last byte, and how the leader ended. */
export interface Ended {
  readonly output: string;
  readonly exit: LeaderExit;
}

export interface RunningOnPty {
  readonly pty: Pty;
  readonly ended: Promise<Ended>;
}

/** A program that `sh` reads, with an empty environment. */
export function shell(script: string): PtyProgram {
  return { file: "/bin/sh", args: ["sh", "-c", script], env: {}, directory: "/", columns: 80, rows: 24 };
}

export function startOnPty(program: PtyProgram): RunningOnPty {
  const chunks: Buffer[] = [];
  let exit: LeaderExit = {};
  let onDrained!: () => void;
  const drained = new Promise<void>((resolve) => (onDrained = resolve));
  const pty = Pty.spawn(program, {
    onBytes: (bytes) => chunks.push(bytes),
    onLeaderExit: (leaderExit) => (exit = leaderExit),
    onDrained,
  });
  return { pty, ended: drained.then(() => ({ output: Buffer.concat(chunks).toString(), exit })) };
}
