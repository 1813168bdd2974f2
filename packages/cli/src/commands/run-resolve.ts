import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";

/** Says for an operator that nothing of a run is running any more. */
export async function resolveRun(context: Context, meant: string, { note }: { note?: string }): Promise<void> {
  const { jobs, output, io } = context;
  const { run } = await getMeantRun(context, meant);
  const view = await jobs.resolveRun(run, note, { signal: io.interrupt });
  if (output.isJson) output.json(view);
  else output.line(view.sentence);
}
