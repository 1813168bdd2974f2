import { JobsError } from "@jobs/core";
import type { RunView } from "@jobs/sdk";
import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";
import { printLog, printState, printToEnd, sayState } from "../follow-run.ts";
import { getMeantPart } from "./run-hosts.ts";

/** Options of `jobs logs`. */
export interface LogsOptions {
  readonly follow?: boolean;
  readonly from?: string;
  readonly attempt?: string;
  readonly host?: string;
}

/** Prints the log of a run: what there is; with `--follow` until its end, and of one on several hosts those of all. */
export async function printRunLog(context: Context, meant: string, options: LogsOptions): Promise<void> {
  const from = offsetOf(options.from ?? "0");
  const only = attemptOf(options);
  // Of one on several hosts all logs can be followed, each from its beginning.
  const otherwise = ", or print all logs with -f alone";
  const isWhole = options.follow === true && options.host === undefined && only === undefined && from === 0;
  const meantRun = await (isWhole
    ? getMeantRun(context, meant)
    : getMeantPart(context, meant, { ...options, otherwise }));
  const run = await context.jobs.run(meantRun.run, { signal: context.io.interrupt });
  const { output } = context;
  const hadEnded = run.view.times.endedAt !== undefined;
  if (output.isJson || !hadEnded) printState(output, run.view);
  if (only !== undefined && options.follow !== true) assertBegun(run.view, only);
  if (only !== undefined) return printLog(context, run, { from, live: options.follow === true, only });
  if (options.follow === true) await printToEnd(context, run, from);
  else await printLog(context, run, { from, live: false });
  if (hadEnded) sayState(output, run.view);
  else if (options.follow !== true) output.note(`jobs: That is all so far; follow it: jobs logs -f ${run.id}`);
}

/** Who does not follow does not wait for an attempt that may come. Throws `invalid-request`. */
function assertBegun({ run, attempt = 0 }: RunView, only: number): void {
  if (only <= attempt) return;
  throw new JobsError("invalid-request", `Run ${run} has no attempt ${only} yet.`, { field: "attempt" });
}

function offsetOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new JobsError("invalid-request", `--from takes a number of bytes, not "${text}".`, { field: "from" });
}

/** The attempt that `--attempt` names. Throws `invalid-request`. */
export function attemptOf({ attempt }: { readonly attempt?: string }): number | undefined {
  if (attempt === undefined || /^[1-9]\d{0,8}$/.test(attempt))
    return attempt === undefined ? undefined : Number(attempt);
  throw new JobsError("invalid-request", `--attempt takes the number of an attempt, not "${attempt}".`, {
    field: "attempt",
  });
}
