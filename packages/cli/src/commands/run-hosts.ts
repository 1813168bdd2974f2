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

/**
 * The run that has a log and files: that which a user means, or its part on a host. Throws `invalid-request` for one on
 * several hosts of which none is named; `otherwise`: what else can be done then.
 */
export async function getMeantPart(
  context: Context,
  meant: string,
  { host, otherwise = "" }: { readonly host?: string; readonly otherwise?: string },
): Promise<RunView> {
  const whole = await getMeantRun(context, meant);
  if (host !== undefined) return await getPart(context, whole, host);
  if (whole.hosts === undefined) return whole;
  const { total } = whole.hosts;
  const hosts =
    total === 1
      ? "1 host, which has the log and the files"
      : `${total} hosts, each of which has a log and files of its own`;
  const message = `Run ${whole.run} is on ${hosts}: say which with --host${otherwise}; jobs hosts ${whole.run} lists ${total === 1 ? "it" : "them"}.`;
  throw new JobsError("invalid-request", message, { field: "host" });
}

async function getPart({ jobs, io }: Context, { run }: RunView, host: string): Promise<RunView> {
  const hosts = await jobs.listHosts(run, { signal: io.interrupt });
  const part = hosts.find(({ agent, name }) => agent === host || name === host);
  if (part?.run !== undefined) return part.run;
  const message = part === undefined ? `Run ${run} is not for “${host}”.` : `Nothing was asked of ${host} so far.`;
  throw new JobsError("run-unknown", message, { field: "host" });
}
