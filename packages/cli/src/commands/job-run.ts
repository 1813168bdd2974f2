import type { Context } from "../context.ts";
import { given, madeOf } from "../given.ts";
import { parametersOf } from "../parameter-options.ts";
import { policyOf, type PolicyOptions } from "../policy-options.ts";
import { targetOf, type TargetOptions } from "../target-options.ts";
import { whenOf, type WhenOptions } from "../when-options.ts";
import { printSubmitted } from "./run-submit.ts";

/** Options of `jobs run`. */
export interface RunJobCliOptions extends PolicyOptions, TargetOptions, WhenOptions {
  readonly parameter?: readonly string[];
  readonly key?: string;
  readonly hold?: boolean;
  readonly follow?: boolean;
}

/** Submits a run of a job's task; with `--follow` prints its log and ends as it ended. */
export async function runJob(context: Context, name: string, options: RunJobCliOptions): Promise<number> {
  const { key, hold, parameter } = options;
  const call = { signal: context.io.interrupt };
  const task = parameter === undefined ? undefined : (await context.jobs.getJob(name, call)).task;
  const asked = {
    ...given({ parameters: madeOf(parameter, (all) => parametersOf(all, task?.parameters ?? [])), key, hold }),
    ...targetOf(options),
    ...whenOf(options, Date.now()),
    ...policyOf(options),
  };
  return printSubmitted(context, await context.jobs.runJob(name, asked, call), options);
}
