import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";
import { policyOf, type PolicyOptions } from "../policy-options.ts";
import { printSubmitted } from "./run-submit.ts";

/** Options of `jobs rerun`. */
export interface RerunOptions extends PolicyOptions {
  readonly on?: string;
  readonly key?: string;
  readonly hold?: boolean;
  readonly follow?: boolean;
}

/** Submits an earlier run again; with `--follow` prints its log and ends as it ended. */
export async function rerunRun(context: Context, meant: string, options: RerunOptions): Promise<number> {
  const { jobs, io } = context;
  const { run } = await getMeantRun(context, meant);
  const { on, key, hold } = options;
  const changes = {
    ...(on === undefined ? {} : { on }),
    ...(key === undefined ? {} : { key }),
    ...(hold === undefined ? {} : { hold }),
    ...policyOf(options),
  };
  return printSubmitted(context, await jobs.rerunRun(run, changes, { signal: io.interrupt }), options);
}
