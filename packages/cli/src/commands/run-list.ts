import type { RunView } from "@jobs/sdk";
import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { durationText, instantText, stateCell } from "../view-text.ts";

/** Options of `jobs list`. */
export interface ListOptions {
  readonly job?: string;
  readonly state?: RunView["state"];
  readonly limit: string;
}

const HEADER = ["RUN", "JOB", "STATE", "ON", "SUBMITTED", "TOOK", "WHAT"].map((text): Cell => ({
  text,
  colour: "dim",
}));

/** Prints runs, the newest first. */
export async function listRuns({ jobs, output, io }: Context, { job, state, limit }: ListOptions): Promise<void> {
  const filter = { ...(job === undefined ? {} : { job }), ...(state === undefined ? {} : { state }), limit };
  const runs = await jobs.listRuns(filter, { signal: io.interrupt });
  if (output.isJson) return output.json({ runs });
  if (runs.length === 0) return output.note("There are no such runs.");
  output.table([
    HEADER,
    ...runs.map((view) => [
      view.run,
      view.job,
      stateCell(view),
      view.on,
      instantText(view.times.submittedAt),
      durationText(view),
      view.sentence,
    ]),
  ]);
}
