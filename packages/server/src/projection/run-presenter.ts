/** A live run as the API shows it: its record, and what is known beside it. */
import { currentAttempt, isWaiting, viewOfRun, type LiveFacts, type Run, type RunView } from "@jobs/core";
import { blockers, placeInLine } from "@jobs/core/decide";
import { CONTACT_MS } from "./agents-projection.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { Silence } from "./silence.ts";

export interface RunPresenterOptions {
  readonly jobs: JobsProjection;
  readonly silence: Pick<Silence, "sinceHeardMs">;
  readonly nowMs: () => number;
}

export class RunPresenter {
  readonly #options: RunPresenterOptions;

  constructor(options: RunPresenterOptions) {
    this.#options = options;
  }

  present(run: Run): RunView {
    return viewOfRun(run, this.#factsOf(run));
  }

  /** True when its next step should have been done by now. */
  isOverdue({ next }: RunView): boolean {
    return next !== undefined && Date.parse(next.deadlineAt) < this.#options.nowMs();
  }

  #factsOf(run: Run): LiveFacts {
    const { jobs, silence, nowMs } = this.#options;
    const now = new Date(nowMs()).toISOString();
    if (isWaiting(run)) {
      const view = jobs.view(run.job);
      return { now, place: placeInLine(view, run), blockedBy: blockers(view, run).at(-1)?.run };
    }
    const attempt = currentAttempt(run);
    if (attempt === undefined || run.times.endedAt !== undefined) return { now };
    const silentMs = silence.sinceHeardMs({ agent: attempt.agent, run: run.run, attempt: attempt.number });
    return silentMs < CONTACT_MS ? { now } : { now, silentSince: new Date(nowMs() - silentMs).toISOString() };
  }
}
