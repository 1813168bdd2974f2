/** What waits, in line: for what, and when it is likely to start. */
import {
  currentAttempt,
  hasEnded,
  instantOf,
  isAhead,
  isWaiting,
  targetKey,
  type PendingView,
  type Run,
} from "@jobs/core";
import { byLine, dueMs, failedTry, hostCountsOf } from "@jobs/core/decide";
import type { AgentsProjection } from "./agents-projection.ts";
import type { Durations } from "./durations.ts";
import { estimateStarts } from "./estimate.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { RunPresenter } from "./run-presenter.ts";

export interface PendingOptions {
  readonly jobs: Pick<JobsProjection, "runs" | "view">;
  readonly agents: AgentsProjection;
  readonly presenter: Pick<RunPresenter, "present">;
  readonly runs: { readonly durations: Pick<Durations, "of"> };
  readonly nowMs: () => number;
}

export interface PendingFilter {
  readonly job?: string | undefined;
  /** An agent's id. */
  readonly agent?: string | undefined;
  readonly limit: number;
}

/** What goes on by somebody's hand alone, or when other runs have ended: nobody can tell when. */
const NOT_FORESEEN: ReadonlySet<Run["waitingFor"]> = new Set([
  "held",
  "job-paused",
  "all-paused",
  "dependency",
  "left-over",
  "restored-store",
]);

const NO_AGENTS: readonly string[] = [];

/** Only of so many in line an estimate is made: it would take long, and say little. */
const ESTIMATED_MAX = 10_000;

/**
 * Those that are due in line, those whose time is still to come after them. The parts of a run for several hosts stand in
 * line, too, and are not listed: they are found through it.
 */
export function listPending(options: PendingOptions, { job, agent, limit }: PendingFilter): PendingView[] {
  const { jobs, presenter } = options;
  const agentsOf = agentsByTarget(options.agents);
  const live = [...jobs.runs()].map(({ run }) => run).filter((run) => !hasEnded(run));
  const waiting = live.filter((run) => isWaiting(run) && run.fanOut === undefined).sort(byLine);
  const ahead = live.filter(isAhead).sort((one, other) => dueMs(one) - dueMs(other));
  const listed = [...waiting, ...ahead]
    .filter(({ partOf }) => partOf === undefined)
    .filter((run) => job === undefined || run.job === job)
    .filter((run) => agent === undefined || agentsOf(run).includes(agent))
    .slice(0, limit);
  // Also of those behind what is listed: one that may start passes those that may not yet.
  const line = waiting.slice(0, ESTIMATED_MAX);
  const wanted = new Set(line.length === 0 ? [] : listed.filter((run) => !isAhead(run)).map(({ run }) => run));
  const estimates = estimate({ live, line, wanted, agentsOf }, options);
  return listed.map((run) => {
    const startMs = isAhead(run) && run.hold === undefined ? dueMs(run) : estimates.get(run.run);
    const { dueAt, pendingAt, submittedAt } = run.times;
    return {
      run: presenter.present(run),
      wantedAt: dueAt ?? pendingAt ?? submittedAt,
      ...(startMs === undefined ? {} : { estimatedStartAt: instantOf(startMs) }),
    };
  });
}

type AgentsOf = (run: Run) => readonly string[];

/** The ids of the agents that a run may go to: very many runs have few targets. */
function agentsByTarget(agents: Pick<AgentsProjection, "matching">): AgentsOf {
  const known = new Map<string, readonly string[]>();
  return ({ target }) => {
    const key = targetKey(target);
    const ids = known.get(key) ?? agents.matching(target).map(({ id }) => id);
    known.set(key, ids);
    return ids;
  };
}

interface Line {
  readonly live: readonly Run[];
  readonly line: readonly Run[];
  /** Those of it that are listed. */
  readonly wanted: ReadonlySet<string>;
  readonly agentsOf: AgentsOf;
}

function estimate(
  { live, line, wanted, agentsOf }: Line,
  { jobs, agents, runs: { durations }, nowMs }: PendingOptions,
): ReadonlyMap<string, number> {
  const ready = [...agents.views()].filter(({ licence, isDraining }) => licence !== undefined && !isDraining);
  return estimateStarts({
    nowMs: nowMs(),
    agents: ready,
    wanted,
    // What has hosts still to come.
    endless: live.filter((run) => (hostCountsOf(jobs.view(run.job), run)?.notStarted ?? 0) > 0),
    running: live.flatMap((run) => {
      const attempt = currentAttempt(run);
      const sinceMs = Date.parse(run.times.runningAt ?? attempt?.assignedAt ?? "");
      return attempt === undefined ? [] : [{ run, agent: attempt.agent, sinceMs }];
    }),
    waiting: line.map((run) => {
      const { retryAt } = failedTry(run) ?? {};
      return {
        run,
        agents: NOT_FORESEEN.has(run.waitingFor) ? NO_AGENTS : agentsOf(run),
        ...(retryAt === undefined ? {} : { notBeforeMs: Math.max(nowMs(), Date.parse(retryAt)) }),
      };
    }),
    durationMs: (job) => durations.of(job),
  });
}
