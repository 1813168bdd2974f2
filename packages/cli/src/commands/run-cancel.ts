import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";

/** Cancels a run, and says where that led. */
export async function cancelRun(context: Context, meant: string): Promise<void> {
  const { jobs, output, io } = context;
  const { run } = await getMeantRun(context, meant);
  const view = await jobs.cancelRun(run, { signal: io.interrupt });
  if (output.isJson) output.json(view);
  else output.line(view.sentence);
}
