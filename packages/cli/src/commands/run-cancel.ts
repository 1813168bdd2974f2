import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";

/** What is said beside the sentence of a run that had ended: it stays as it is. */
export const NOTHING_DONE = "jobs: The run has ended already: nothing was done.";

/** Cancels a run, and says where that led. */
export async function cancelRun(context: Context, meant: string): Promise<void> {
  const { jobs, output, io } = context;
  const before = await getMeantRun(context, meant);
  const view = await jobs.cancelRun(before.run, { signal: io.interrupt });
  if (output.isJson) output.json(view);
  else output.line(view.sentence);
  if (before.times.endedAt !== undefined) output.note(NOTHING_DONE);
}
