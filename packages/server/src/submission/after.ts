/** The runs that a submission names to wait for, frozen by their ids, and by how they ended if they have. */
import { JobsError, type Dependencies, type RunState, type SubmitInput } from "@jobs/core";
import type { z } from "zod";
import type { Runs } from "../projection/runs.ts";

interface Named {
  readonly job: string;
  readonly run: string;
  readonly state: RunState;
}

/** Not those whose time has not come, or that were skipped. */
const COUNTED: readonly RunState[] = ["pending", "running", "completed", "failed", "cancelled"];

/** Throws `run-unknown` or `job-unknown` with the field that names it. Cycles cannot be: a run can only name earlier ones. */
export async function dependenciesOf(
  after: NonNullable<z.output<typeof SubmitInput>["after"]>,
  runs: Pick<Runs, "get" | "findLatest" | "seeAccepted">,
): Promise<Dependencies> {
  if (after.jobs.length > 0) await runs.seeAccepted(); // another server may have accepted a later run just now
  const named = [
    ...(await Promise.all(after.runs.map((run, index) => runOf(run, `after.runs.${index}`, runs)))),
    ...after.jobs.map((job, index) => latestOf(job, `after.jobs.${index}`, runs)),
  ];
  if (named.length === 0) {
    throw new JobsError("invalid-request", "`after` names no run and no job to wait for.", { field: "after" });
  }
  const all = new Map(named.map((one) => [one.run, frozen(one)]));
  return { runs: [...all.values()], on: after.on, otherwise: after.otherwise };
}

/** What has ended may be removed while this is being submitted. */
function frozen({ job, run, state }: Named): Dependencies["runs"][number] {
  switch (state) {
    case "submitted":
    case "pending":
    case "running":
      return { job, run };
    case "completed":
    case "failed":
    case "cancelled":
    case "skipped":
      return { job, run, state };
  }
}

async function runOf(run: string, field: string, runs: Pick<Runs, "get">): Promise<Named> {
  try {
    return await runs.get(run);
  } catch (error) {
    if (!(error instanceof JobsError) || error.code !== "run-unknown") throw error;
    throw new JobsError("run-unknown", `There is no run ${run} to wait for.`, { field, cause: error });
  }
}

function latestOf(job: string, field: string, runs: Pick<Runs, "findLatest">): Named {
  const found = runs.findLatest(job, COUNTED) ?? runs.findLatest(job);
  if (found !== undefined) return found;
  throw new JobsError("job-unknown", `There is no run of “${job}” to wait for.`, { field });
}
