import type { JobsError, RunView } from "@jobs/core";
import type { Retry } from "./follow.ts";

/** What a `RunHandle` tells its listeners. */
export interface RunEvents {
  /** The run's state has changed. The handle listens until the run has ended. */
  state: (view: RunView) => void;
  /** The run has ended and its log and artifacts are all there, or known to be not. */
  settled: (view: RunView) => void;
  /** The connection broke; it is tried again by itself. */
  retry: (retry: Retry) => void;
  /** Following ended with an error that no further try would heal. */
  error: (error: JobsError) => void;
}
