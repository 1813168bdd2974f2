/** Figures of the live runs: one pass over them, each in constant time. */
import { hasEnded, isBusy, isWaiting, RunState, WaitingFor } from "@jobs/core";
import type { Ownership } from "@jobs/core/decide";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { RunPresenter } from "../projection/run-presenter.ts";
import type { Gauges } from "./gauges.ts";

export interface RunFiguresOptions {
  readonly jobs: Pick<JobsProjection, "runs">;
  readonly presenter: Pick<RunPresenter, "isOverdue" | "ownershipOf" | "silentSince">;
  readonly nowMs: () => number;
}

const OWNERS: readonly Ownership["owner"][] = ["server", "agent", "operator", "run"];

export function measureRuns(gauges: Gauges, { jobs, presenter, nowMs }: RunFiguresOptions): void {
  showZeros(gauges);
  const oldest = new Map<string, number>();
  const waitingOf = new Map<string, number>();
  for (const { run } of jobs.runs()) {
    gauges.jobs_runs_live.inc({ state: run.state, waiting_for: run.waitingFor ?? "" });
    if (presenter.silentSince(run) !== undefined) gauges.jobs_runs_silent.inc();
    if (hasEnded(run) && isBusy(run)) gauges.jobs_runs_left_over.inc();
    const next = presenter.ownershipOf(run);
    if (next !== undefined && presenter.isOverdue({ next })) gauges.jobs_runs_overdue.inc({ owner: next.owner });
    if (run.state !== "pending" || !isWaiting(run)) continue; // one that is not due yet does not wait
    gauges.jobs_queue_length.inc();
    waitingOf.set(run.job, (waitingOf.get(run.job) ?? 0) + 1);
    const sinceMs = Date.parse(run.times.pendingAt ?? run.times.submittedAt);
    const obstacle = run.waitingFor ?? "agent";
    oldest.set(obstacle, Math.min(oldest.get(obstacle) ?? sinceMs, sinceMs));
  }
  for (const [waiting_for, sinceMs] of oldest)
    gauges.jobs_queue_oldest_seconds.set({ waiting_for }, Math.max(0, nowMs() - sinceMs) / 1000);
  let longest = 0;
  for (const waiting of waitingOf.values()) longest = Math.max(longest, waiting);
  gauges.jobs_queue_longest.set(longest);
}

/** A series that is there from the first scrape on can be compared with what it was; one that comes and goes cannot. */
function showZeros({ jobs_runs_live, jobs_runs_overdue, jobs_queue_oldest_seconds }: Gauges): void {
  for (const state of RunState.options) jobs_runs_live.set({ state, waiting_for: "" }, 0);
  for (const waiting_for of WaitingFor.options) {
    jobs_runs_live.set({ state: "pending", waiting_for }, 0);
    jobs_queue_oldest_seconds.set({ waiting_for }, 0);
  }
  for (const owner of OWNERS) jobs_runs_overdue.set({ owner }, 0);
}
