/** What waits, in line: for what, and when it is likely to start. */
import { currentAttempt, hasEnded, instantOf, isAhead, targetKey, type PendingView, type Run } from "@jobs/core";
import { dueMs, failedTry, hostCountsOf } from "@jobs/core/decide";
import type { AgentsProjection } from "./agents-projection.ts";
import type { Durations } from "./durations.ts";
import { estimateStarts } from "./estimate.ts";
import type { JobsProjection } from "./jobs-projection.ts";
import type { RunPresenter } from "./run-presenter.ts";

export interface PendingOptions {
  readonly jobs: Pick<JobsProjection, "handed" | "toCome" | "view">;
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
/** So many behind those that are listed are looked at. */
const BEHIND_MAX = 1_000;

/**
 * Those that are due in line, those whose time is still to come after them. The parts of a run for several hosts stand in
 * line, too, and are not listed: they are found through it.
 */
export function listPending(options: PendingOptions, { job, agent, limit }: PendingFilter): PendingView[] {
  const { jobs, presenter } = options;
  const agentsOf = agentsByTarget(options.agents);
  const { waiting, ahead } = jobs.toCome;
  const listed: Run[] = [];
  const isMeant = (run: Run): boolean =>
    run.partOf === undefined &&
    (job === undefined || run.job === job) &&
    (agent === undefined || agentsOf(run).includes(agent));
  let reached = 0;
  for (const run of waiting) {
    if (listed.length === limit) break;
    reached++;
    if (isMeant(run)) listed.push(run);
  }
  const wanted = new Set(listed.map(({ run }) => run));
  for (const run of ahead) {
    if (listed.length === limit) break;
    if (isMeant(run)) listed.push(run);
  }
  // Also of those behind what is listed: one that may start passes those that may not yet.
  const line = wanted.size === 0 ? [] : waiting.slice(0, Math.min(ESTIMATED_MAX, reached + BEHIND_MAX));
  const estimates = estimate({ line, wanted, agentsOf }, options);
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
  readonly line: readonly Run[];
  /** Those of it that are listed. */
  readonly wanted: ReadonlySet<string>;
  readonly agentsOf: AgentsOf;
}

function estimate(
  { line, wanted, agentsOf }: Line,
  { jobs, agents, runs: { durations }, nowMs }: PendingOptions,
): ReadonlyMap<string, number> {
  const ready = [...agents.views()].filter(({ licence, isDraining }) => licence !== undefined && !isDraining);
  return estimateStarts({
    nowMs: nowMs(),
    agents: ready,
    wanted,
    // What has hosts still to come.
    endless: [...jobs.toCome.onHosts].filter((run) => (hostCountsOf(jobs.view(run.job), run)?.notStarted ?? 0) > 0),
    running: [...jobs.handed()].flatMap(({ run }) => {
      const attempt = hasEnded(run) ? undefined : currentAttempt(run);
      if (attempt === undefined) return [];
      return { run, agent: attempt.agent, sinceMs: Date.parse(run.times.runningAt ?? attempt.assignedAt) };
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
