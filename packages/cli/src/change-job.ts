import { JobsError } from "@jobs/core";

/** How often it is tried while others change the job at the same time. */
const TRIES = 5;

/** Reads a job and changes what was read; both again when somebody else has changed it meanwhile (`job-changed`). */
export async function changeJob<T>(readAndChange: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await readAndChange();
    } catch (error) {
      if (!(error instanceof JobsError) || error.code !== "job-changed" || tries === TRIES) throw error;
    }
  }
}
