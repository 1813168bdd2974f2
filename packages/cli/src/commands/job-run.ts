import type { Context } from "../context.ts";
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
  const given = {
    ...(parameter === undefined ? {} : { parameters: parametersOf(parameter, task?.parameters ?? []) }),
    ...targetOf(options),
    ...(key === undefined ? {} : { key }),
    ...(hold === undefined ? {} : { hold }),
    ...whenOf(options, Date.now()),
    ...policyOf(options),
  };
  return printSubmitted(context, await context.jobs.runJob(name, given, call), options);
}
