import { JobsError, RunId } from "@jobs/core";
import type { RunView } from "@jobs/sdk";
import type { Context } from "./context.ts";

/** The run that a user means: by its id, else the latest run of the job of that name. Throws `run-unknown`. */
export async function getMeantRun({ jobs, io }: Context, meant: string): Promise<RunView> {
  const signal = io.interrupt;
  if (RunId.safeParse(meant).success) {
    try {
      return await jobs.getRun(meant, { signal });
    } catch (error) {
      if (!(error instanceof JobsError) || error.code !== "run-unknown") throw error;
    }
  }
  const [latest] = await jobs.listRuns({ job: meant, limit: 1 }, { signal });
  if (latest !== undefined) return latest;
  throw new JobsError("run-unknown", `There is no run with the id "${meant}", and no job of that name has run.`, {
    field: "run",
  });
}
