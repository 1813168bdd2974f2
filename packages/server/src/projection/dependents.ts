import { awaitsOthers, type Run } from "@jobs/core";
import type { Awaited } from "@jobs/core/decide";
import type { JobsProjection } from "./jobs-projection.ts";

/** The live runs that wait for others to end, until they have begun, by the run that they wait for. */
export class Dependents {
  readonly #jobs: JobsProjection;
  readonly #byRun = new Map<string, Map<string, Pick<Run, "job" | "run">>>();

  constructor(jobs: JobsProjection) {
    this.#jobs = jobs;
    jobs.on("run", (run) => this.#note(run));
    jobs.on("removed", (run) => this.#forget(run));
  }

  of(run: string): Pick<Run, "job" | "run">[] {
    // When everything is forgotten, the projection does not say so of each run.
    return [...(this.#byRun.get(run)?.values() ?? [])].filter((one) => this.#jobs.find(one.run) !== undefined);
  }

  /** One of these runs that a live one waits for. */
  findAwaited(isMeant: (run: string) => boolean): Awaited | undefined {
    for (const run of this.#byRun.keys()) {
      const [by] = isMeant(run) ? this.of(run) : [];
      if (by !== undefined) return { run, by };
    }
    return undefined;
  }

  #note(run: Run): void {
    if (run.after === undefined) return;
    if (!awaitsOthers(run)) return this.#forget(run);
    for (const { run: other } of run.after.runs) {
      const waiting = this.#byRun.get(other) ?? new Map<string, Pick<Run, "job" | "run">>();
      this.#byRun.set(other, waiting.set(run.run, { job: run.job, run: run.run }));
    }
  }

  #forget(run: Run): void {
    for (const { run: other } of run.after?.runs ?? []) {
      const waiting = this.#byRun.get(other);
      waiting?.delete(run.run);
      if (waiting?.size === 0) this.#byRun.delete(other);
    }
  }
}

/** Whether a live run is this run, a part of it, or waits for it. */
export function isNeededBy(jobs: JobsProjection, dependents: Dependents): (run: string, job: string) => boolean {
  return (run, job) =>
    jobs.find(run) !== undefined ||
    dependents.of(run).length > 0 ||
    jobs.view(job).runs.some(({ partOf }) => partOf === run);
}
