/** The processes of scripts on one host: what runs is what is in here. */
import type { ScriptPlan } from "./script-plan.ts";

/** What a record, a script and a process have in common: one attempt of a run. */
export interface AttemptMark {
  readonly job: string;
  readonly run: string;
  readonly attempt: number;
  readonly overlap: string;
}

export interface ScriptProcess {
  readonly pid: number;
  readonly startTicks: number;
  readonly parentPid: number;
  /** Number of the group and of the session. */
  readonly sessionPid: number;
  /** `NAME=value` entries, each between NUL bytes. */
  readonly environment: string;
  readonly mark: AttemptMark;
  readonly plan: ScriptPlan;
  /** Nothing ends it, not even SIGKILL, as one that hangs in a dead mount. */
  isStuck: boolean;
  readonly onExit: (exit: { exitCode?: number; signal?: string }) => void;
}

export class ProcessTable {
  readonly #entries = new Map<number, ScriptProcess>();

  add(entry: ScriptProcess): void {
    this.#entries.set(entry.pid, entry);
  }

  find(pid: number): ScriptProcess | undefined {
    return this.#entries.get(pid);
  }

  /** Takes it away and tells its parent; nothing when it is gone already. */
  end(entry: ScriptProcess, exit: { exitCode?: number; signal?: string }): void {
    if (this.#entries.get(entry.pid) !== entry) return;
    this.#entries.delete(entry.pid);
    entry.onExit(exit);
  }

  /** Takes all away without a word: the host is down. */
  clear(): void {
    this.#entries.clear();
  }

  all(): Iterable<ScriptProcess> {
    return this.#entries.values();
  }

  pids(): readonly number[] {
    return [...this.#entries.keys()];
  }
}
