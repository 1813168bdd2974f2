import type { Context } from "../context.ts";
import { policyOf, type PolicyOptions } from "../policy-options.ts";
import { whenOf, type WhenOptions } from "../when-options.ts";
import { printSubmitted } from "./run-submit.ts";

/** Options of `jobs run`. */
export interface RunJobCliOptions extends PolicyOptions, WhenOptions {
  readonly key?: string;
  readonly hold?: boolean;
  readonly follow?: boolean;
}

/** Submits a run of a job's task; with `--follow` prints its log and ends as it ended. */
export async function runJob(context: Context, name: string, options: RunJobCliOptions): Promise<number> {
  const { key, hold } = options;
  const given = {
    ...(key === undefined ? {} : { key }),
    ...(hold === undefined ? {} : { hold }),
    ...whenOf(options, Date.now()),
    ...policyOf(options),
  };
  return printSubmitted(context, await context.jobs.runJob(name, given, { signal: context.io.interrupt }), options);
}
