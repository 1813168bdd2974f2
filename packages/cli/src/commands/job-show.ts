import type { JobView } from "@jobs/sdk";
import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { policyOf, type PolicyOptions } from "../policy-options.ts";
import { instantText, stateCell } from "../view-text.ts";

/** Options of `jobs job`. */
export interface JobOptions extends PolicyOptions {
  readonly defaults?: boolean;
}

/** Prints a job; with options, sets its policy first. */
export async function showJob({ jobs, output, io }: Context, name: string, options: JobOptions): Promise<void> {
  const policy = policyOf(options);
  const isSet = options.defaults === true || Object.keys(policy).length > 0;
  const call = { signal: io.interrupt };
  const view = await (isSet ? jobs.saveJob(name, policy, call) : jobs.getJob(name, call));
  if (output.isJson) return output.json(view);
  output.table(rowsOf(view));
  if (view.runs.length > 0)
    output.table(view.runs.map((run) => [run.run, stateCell(run), String(run.place ?? "-"), run.sentence]));
}

function rowsOf({ job, policy, paused, updatedAt, updatedBy }: JobView): Cell[][] {
  const said = Object.entries(policy).map(
    ([key, value]) => `${key} ${value === null ? "never" : typeof value === "object" ? JSON.stringify(value) : value}`,
  );
  const rows: [string, Cell | undefined][] = [
    ["job", job],
    ["policy", said.length === 0 ? "the defaults" : said.join(", ")],
    [
      "paused",
      paused === undefined
        ? undefined
        : {
            text: `${instantText(paused.at)} by ${paused.by}${paused.note === undefined ? "" : `: ${paused.note}`}`,
            colour: "yellow",
          },
    ],
    ["changed", updatedAt === undefined ? undefined : `${instantText(updatedAt)} by ${updatedBy}`],
  ];
  return rows.flatMap(([label, cell]) => (cell === undefined ? [] : [[{ text: label, colour: "dim" } as const, cell]]));
}
