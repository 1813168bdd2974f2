/** Takes the place of the supervisor's `warm-shell.ts`: no shell waits ahead of need, each start forks its own. */
import { Pty, type PtyListener } from "./pty.ts";

interface ScriptCommand {
  readonly interpreter: readonly string[];
  readonly scriptPath: string;
  readonly env: Readonly<Record<string, string>>;
}

export class WarmShell {
  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  startScript({ interpreter, scriptPath, env }: ScriptCommand, _size: object, listener: PtyListener) {
    const pty = Pty.spawn({ args: [...interpreter, scriptPath], env }, listener);
    return { pty, lowestPid: pty.leader.pid };
  }
}
