import type { RunState } from "@jobs/core";
import type { HistoryIndex } from "./history-index.ts";
import type { JobsProjection } from "./jobs-projection.ts";

/** The state of a run of any job, live or finished; undefined when nobody knows it (any more). */
export type StateOf = (one: { readonly job: string; readonly run: string }) => RunState | undefined;

export function runStates(jobs: JobsProjection, finished: HistoryIndex): StateOf {
  return (one) => {
    const state = jobs.find(one.run)?.run.state ?? finished.find(one.run)?.state;
    // One whose marker is here and whose end is not yet in the index: it is on its way.
    return state ?? (jobs.isRemoved(one) ? "running" : undefined);
  };
}
