/** Takes the place of the supervisor's `pty.ts`: a script on the simulated host. */
import { kernel, self } from "../kernel/machine.ts";
import { fileAt } from "./node-fs.ts";

/** How the leader ended: one of the two. */
export interface LeaderExit {
  readonly exitCode?: number;
  readonly signal?: string;
}

interface PtyOptions {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly onBytes: (bytes: Buffer) => void;
  readonly onLeaderExit: (exit: LeaderExit) => void;
  readonly onDrained: () => void;
}

export class Pty {
  readonly pid: number;
  readonly #onDrained: () => void;
  #isDrained = false;

  static spawn(options: PtyOptions): Pty {
    const { random } = kernel();
    if (random.chance(0.005)) throw new Error("no pty is left");
    return new Pty(options);
  }

  private constructor({ args, env, onBytes, onLeaderExit, onDrained }: PtyOptions) {
    const supervisor = self();
    const { host } = supervisor;
    const script = fileAt(args.at(-1) ?? "").bytes.toString();
    this.#onDrained = onDrained;
    const leader = host.spawn(script, env, (exit) => {
      supervisor.does("leader exited", () => onLeaderExit(exit), 0.1);
      supervisor.does("pty drained", () => this.#drain(), 0.3);
    });
    this.pid = leader.pid;
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
    this.#onDrained();
  }
}
