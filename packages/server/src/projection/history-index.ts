/** An index of HISTORY in memory, for lists and look-ups by id. */
import { isOverOnHost, viewOfRun, type Run, type RunView } from "@jobs/core";

export interface FinishedRun {
  readonly job: string;
  readonly view: RunView;
  /** The attempts that hosts may still hold, until they were told to forget them. */
  readonly attempts: readonly { readonly agent: string; readonly number: number; readonly isOver: boolean }[];
}

export class HistoryIndex {
  readonly #runs = new Map<string, FinishedRun>();

  add(run: Run): void {
    const attempts = run.attempts.map((one) => ({ agent: one.agent, number: one.number, isOver: isOverOnHost(one) }));
    this.#runs.set(run.run, {
      job: run.job,
      view: viewOfRun(run),
      attempts,
    });
  }

  reset(): void {
    this.#runs.clear();
  }

  find(run: string): FinishedRun | undefined {
    return this.#runs.get(run);
  }

  views(): Iterable<FinishedRun> {
    return this.#runs.values();
  }
}
