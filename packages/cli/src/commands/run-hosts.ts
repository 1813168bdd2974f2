import { JobsError } from "@jobs/core";
import type { RunView } from "@jobs/sdk";
import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";
import type { Cell } from "../output.ts";
import { stateCell } from "../view-text.ts";

const HEADER = ["HOST", "STATE", "RUN", ""].map((text): Cell => ({ text, colour: "dim" }));

/** Prints the hosts of a run, and how they stand. */
export async function listHosts(context: Context, meant: string): Promise<void> {
  const { jobs, output, io } = context;
  const { run } = await getMeantRun(context, meant);
  const hosts = await jobs.listHosts(run, { signal: io.interrupt });
  if (output.isJson) return output.json({ hosts });
  output.table([
    HEADER,
    ...hosts.map(({ name, run: part }): Cell[] =>
      part === undefined ? [name, "not begun", "", ""] : [name, stateCell(part), part.run, part.sentence],
    ),
  ]);
}

/** The part of a run on one of its hosts. */
export async function getPart({ jobs, io }: Context, { run }: RunView, host: string): Promise<RunView> {
  const hosts = await jobs.listHosts(run, { signal: io.interrupt });
  const part = hosts.find(({ agent, name }) => agent === host || name === host);
  if (part?.run !== undefined) return part.run;
  const message = part === undefined ? `Run ${run} is not for “${host}”.` : `Nothing was asked of ${host} so far.`;
  throw new JobsError("run-unknown", message, { field: "host" });
}
