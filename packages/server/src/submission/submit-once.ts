/** A key that comes again is answered with its run, whatever has become of what its submission named. */
import { JobsError, type ErrorCode, type Run, type SubmitInput } from "@jobs/core";
import type { Decided } from "../duties/decided.ts";
import type { AcceptOptions } from "./accept.ts";
import { runIdOf } from "./run-id.ts";

/** What a submission meets whose hosts, runs or task are not any more what they were when it came first. */
const CHANGED: ReadonlySet<ErrorCode> = new Set([
  "agent-ambiguous",
  "agent-unknown",
  "interpreter-missing",
  "job-unknown",
  "key-conflict",
  "parameters-invalid",
  "payload-gone",
  "run-unknown",
  "target-required",
  "task-missing",
]);

/** What is decided on the submission; else, when its key has a run already and that is of the same submission, this run. */
export async function submitOnce(
  { name, key }: Pick<SubmitInput, "name" | "key">,
  { submit, isSame }: { readonly submit: () => Promise<Decided>; readonly isSame: (made: Run) => boolean },
  { runs }: Pick<AcceptOptions, "runs">,
): Promise<Pick<Decided, "run" | "isNew">> {
  try {
    return await submit();
  } catch (error) {
    // Only now: most keys are new, and what is accepted is looked for under its key by the decision.
    if (key === undefined || !(error instanceof JobsError) || !CHANGED.has(error.code)) throw error;
    const made = await findRecord(runIdOf(name, key, runs.erasedAt(name)), runs);
    if (made === undefined || !isSame(made)) throw error;
    return { run: made, isNew: false };
  }
}

async function findRecord(run: string, runs: Pick<AcceptOptions["runs"], "getRecord">): Promise<Run | undefined> {
  try {
    return await runs.getRecord(run);
  } catch (error) {
    if (error instanceof JobsError && error.code === "run-unknown") return undefined;
    throw error;
  }
}
