import type { Run } from "../domain/run.ts";
import { JobsError } from "../errors.ts";
import type { Decision, JobView } from "./view.ts";

/** Decides on the live run of this id; rejects with `run-unknown` when there is none: it may have gone to HISTORY. */
export function onLiveRun(view: JobView, id: string, decide: (run: Run) => Decision): Decision {
  const run = view.runs.find((one) => one.run === id);
  if (run !== undefined) return decide(run);
  return { kind: "reject", error: new JobsError("run-unknown", `There is no live run ${id}.`, { field: "run" }) };
}
