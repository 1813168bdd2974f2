/** A live run as the API shows it: its record, and what is known beside it. */
import {
  currentAttempt,
  hasEnded,
  instantOf,
  isWaiting,
  viewOfRun,
  type LiveFacts,
  type Run,
  type RunView,
} from "@jobs/core";
import { hostCountsOf, lastBlocker, ownerOf, placeInLine, type Ownership } from "@jobs/core/decide";
import { CONTACT_MS } from "./agents-projection.ts";
import type { Dependents } from "./dependents.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { StateOf } from "./run-states.ts";
import type { Silence } from "./silence.ts";

export interface RunPresenterOptions {
  readonly jobs: JobsProjection;
  readonly dependents: Dependents;
  readonly stateOf: StateOf;
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
  isOverdue({ next }: Pick<RunView, "next">): boolean {
    return next?.deadlineAt !== undefined && Date.parse(next.deadlineAt) < this.#options.nowMs();
  }

  /** Who has to do its next step, and by when; without a look at the other runs of its job. */
  ownershipOf(run: Run): Ownership | undefined {
    return ownerOf(run, { silentSince: this.silentSince(run) });
  }

  /** Since when its host says nothing of it, RFC 3339; undefined while it does, or when no host has it. */
  silentSince(run: Run): string | undefined {
    const { silence, nowMs } = this.#options;
    const attempt = currentAttempt(run);
    if (attempt === undefined || hasEnded(run)) return undefined;
    const silentMs = silence.sinceHeardMs({ agent: attempt.agent, run: run.run, attempt: attempt.number });
    return silentMs < CONTACT_MS ? undefined : instantOf(nowMs() - silentMs);
  }

  #factsOf(run: Run): LiveFacts {
    const { jobs, dependents, stateOf } = this.#options;
    const waitFor = dependents.of(run.run);
    const chain = {
      ...(hasEnded(run) || run.after === undefined
        ? {}
        : { dependencies: run.after.runs.map((one) => one.state ?? stateOf(one)) }),
      ...(waitFor.length === 0 ? {} : { dependents: waitFor }),
    };
    if (isWaiting(run)) {
      const view = jobs.view(run.job);
      const blocker = lastBlocker(view, run);
      const blockedBy = this.#awaitedBy(run) ?? blocker?.partOf ?? blocker?.run;
      return { ...chain, place: placeInLine(view, run), blockedBy };
    }
    if (run.fanOut !== undefined) return { ...chain, ...this.#fanOutOf(run) };
    return { ...chain, silentSince: this.silentSince(run) };
  }

  #fanOutOf(run: Run): Pick<LiveFacts, "hosts" | "paused"> {
    const { jobs } = this.#options;
    const view = jobs.view(run.job);
    const isAllPaused = jobs.settings.settings.paused !== undefined;
    const paused = view.definition?.paused !== undefined ? "job" : isAllPaused ? "all" : undefined;
    return { hosts: hostCountsOf(view, run), paused };
  }

  /** The first of the runs that it depends on that has not ended. */
  #awaitedBy({ waitingFor, after }: Run): string | undefined {
    if (waitingFor !== "dependency") return undefined;
    const isOpen = (live: { readonly run: Run } | undefined): boolean => live !== undefined && !hasEnded(live.run);
    return after?.runs.find(({ run }) => isOpen(this.#options.jobs.find(run)))?.run;
  }
}
