/**
 * When runs that wait are likely to start: the agents' slots as they will come free if every run takes as long as those of
 * its job did, given to the runs in line. A run for which nobody can tell has no estimate, and neither has one behind it.
 */
import { mayOverlap, type OverlapPolicy } from "../domain/overlap.ts";
import type { Run } from "../domain/run.ts";

export interface EstimateInput {
  readonly nowMs: number;
  /** Agents that take on runs, with their slots. */
  readonly agents: readonly { readonly id: string; readonly slots: number }[];
  /** Runs that hosts have: where, and since when. */
  readonly running: readonly { readonly run: Run; readonly agent: string; readonly sinceMs: number }[];
  /** Runs that wait for agents or for each other, in line. */
  readonly waiting: readonly { readonly run: Run; readonly agents: readonly string[]; readonly notBeforeMs?: number }[];
  /** How long a run of the job takes, milliseconds; undefined when none has ended. */
  readonly durationMs: (job: string) => number | undefined;
}

/** By the run: ms since 1970. */
export function estimateStarts(input: EstimateInput): ReadonlyMap<string, number> {
  const { nowMs, durationMs } = input;
  /** When the slots of each agent come free, the first one first. */
  const free = new Map(input.agents.map(({ id, slots }) => [id, Array.from({ length: slots }, () => nowMs)]));
  /** When the last run of a job with this policy has ended. */
  const jobs = new Map<string, Map<OverlapPolicy, number>>();
  const keepBusy = ({ job, overlap }: Run, endMs: number): void => {
    const ends = jobs.get(job) ?? new Map<OverlapPolicy, number>();
    jobs.set(job, ends.set(overlap, Math.max(endMs, ends.get(overlap) ?? endMs)));
  };
  const take = (run: Run, agent: string, startMs: number): void => {
    const endMs = Math.max(nowMs, startMs + (durationMs(run.job) ?? Number.POSITIVE_INFINITY));
    occupy(free.get(agent), endMs);
    keepBusy(run, endMs);
  };
  for (const { run, agent, sinceMs } of input.running) take(run, agent, sinceMs);
  const starts = new Map<string, number>();
  for (const { run, agents, notBeforeMs = nowMs } of input.waiting) {
    const before = [...(jobs.get(run.job) ?? [])].filter(([overlap]) => !mayOverlap(overlap, run.overlap));
    const jobFreeMs = Math.max(notBeforeMs, ...before.map(([, endMs]) => endMs));
    const [agent, slotMs] = earliest(free, agents);
    const startMs = Math.max(jobFreeMs, slotMs);
    if (agent === undefined || !Number.isFinite(startMs)) {
      keepBusy(run, Number.POSITIVE_INFINITY); // whoever waits for its end waits for nobody knows how long
      continue;
    }
    starts.set(run.run, startMs);
    take(run, agent, startMs);
  }
  return starts;
}

/** The slot that comes free first is taken until then. */
function occupy(slots: number[] | undefined, untilMs: number): void {
  if (slots?.[0] === undefined) return;
  slots[0] = Math.max(untilMs, slots[0]);
  slots.sort((one, other) => one - other);
}

function earliest(
  free: ReadonlyMap<string, readonly number[]>,
  agents: readonly string[],
): readonly [string | undefined, number] {
  let best: readonly [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (const agent of agents) {
    const ms = free.get(agent)?.[0] ?? Number.POSITIVE_INFINITY;
    if (best[0] === undefined || ms < best[1]) best = [agent, ms];
  }
  return best;
}
