import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";
import { NOTHING_DONE } from "./run-cancel.ts";

/** Holds or releases a run, and says where that led. */
export async function steerRun(context: Context, action: "hold" | "release", meant: string): Promise<void> {
  const { jobs, output, io } = context;
  const { run } = await getMeantRun(context, meant);
  const options = { signal: io.interrupt };
  const view = await (action === "hold" ? jobs.holdRun(run, options) : jobs.releaseRun(run, options));
  if (output.isJson) output.json(view);
  else output.line(view.sentence);
  if (view.times.endedAt !== undefined) output.note(NOTHING_DONE);
}
