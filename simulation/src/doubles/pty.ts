/** Takes the place of the supervisor's `pty.ts`: a script on the simulated host. */
import { kernel, self } from "../kernel/machine.ts";
import { noteLeader, type LeaderExit } from "./leaders.ts";
import { systemError } from "./node-errors.ts";
import { fileAt } from "./node-fs.ts";
import type { ProcessIdentity } from "./process-table.ts";

interface PtyProgram {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface PtyListener {
  readonly onBytes: (bytes: Buffer) => void;
  readonly onLeaderExit: (exit: LeaderExit) => void;
  readonly onDrained: (isWhole: boolean) => void;
}

export class Pty {
  readonly leader: ProcessIdentity;
  readonly #onDrained: (isWhole: boolean) => void;
  #isDrained = false;

  static spawn(program: PtyProgram, listener: PtyListener): Pty {
    const { random } = kernel();
    if (random.chance(0.005)) throw random.chance(0.5) ? systemError("ENOSPC", "no pty is left") : new Error("odd");
    return new Pty(program, listener);
  }

  private constructor({ args, env }: PtyProgram, { onBytes, onLeaderExit, onDrained }: PtyListener) {
    const supervisor = self();
    const { host } = supervisor;
    const script = fileAt(args.at(-1) ?? "").bytes.toString();
    this.#onDrained = onDrained;
    const leader = host.spawn(script, env, (exit) => {
      supervisor.does("leader exited", () => onLeaderExit(exit), 0.1);
      supervisor.does("pty drained", () => this.#drain(), 0.3);
    });
    noteLeader(leader);
    this.leader = { pid: leader.pid, startTicks: leader.startTicks };
    const { output } = leader.plan;
    if (output !== undefined) supervisor.does("output", () => onBytes(Buffer.from(output)), 0.05);
    supervisor.onEnd(() => host.hangUp(leader.pid));
  }

  pause(): void {
    // its output is one piece
  }

  resume(): void {
    // its output is one piece
  }

  /** Gives the process up: whatever it still prints goes nowhere. */
  abandon(): void {
    this.#drain();
  }

  #drain(): void {
    if (this.#isDrained) return;
    this.#isDrained = true;
    this.#onDrained(true);
  }
}
