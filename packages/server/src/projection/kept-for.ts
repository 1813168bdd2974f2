import type { KeptFor } from "@jobs/core";
import { keptFor } from "@jobs/core/decide";
import type { JobsProjection } from "./jobs-projection.ts";

/** For how long a job's finished runs are kept: as it says, else as the servers are told. */
export function keptForIn(jobs: JobsProjection, otherwise: KeptFor): (job: string) => KeptFor {
  return (job) => {
    const said = jobs.findDefinition(job);
    // What this version cannot read may say that they are kept for ever.
    if (said === undefined && jobs.view(job).isUnreadable) return { days: null, runs: null };
    return keptFor(said?.policy.retention, otherwise);
  };
}
