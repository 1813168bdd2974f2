import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { JobsClient, RunResult } from "@jobs/sdk";
import type { RunningLocal } from "../local.ts";
import { FIRST_JOB_SCRIPT } from "./first-job-script.ts";
import type { Screen } from "./screen.ts";

export const FIRST_JOB = "first-job";

interface FirstJob {
  readonly client: JobsClient;
  readonly local: RunningLocal;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/** Submits the first job, shows its log as it comes, fetches what it left, and says how it ended. */
export async function runFirstJob({ client, local, screen, signal }: FirstJob): Promise<RunResult> {
  const run = await client.submitJob({ name: FIRST_JOB, script: FIRST_JOB_SCRIPT, on: local.agentName }, { signal });
  screen.heading(`First job: ${run.job} on ${local.agentName}, run ${run.id}`);
  for await (const { text } of run.logs({ signal })) screen.log(text);
  screen.logEnd();
  const result = await run.result({ signal });
  screen.outcome(result);
  const folder = join(local.dataDir, FIRST_JOB);
  await mkdir(folder, { recursive: true });
  for (const artifact of await run.artifacts({ signal })) {
    const file = join(folder, basename(artifact.name));
    await artifact.toFile(file, { signal });
    screen.part("artifact", `${screen.path(file)} (${artifact.sizeBytes} bytes)`);
  }
  return result;
}
