import type { RerunChanges } from "@jobs/sdk";
import { contentOf, scriptOf, type ContentOptions } from "../content-options.ts";
import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";
import { given } from "../given.ts";
import { policyOf, type PolicyOptions } from "../policy-options.ts";
import { limitsOf, targetOf, type TargetOptions } from "../target-options.ts";
import { whenOf, type WhenOptions } from "../when-options.ts";
import { printSubmitted } from "./run-submit.ts";

/** Options of `jobs rerun`. */
export interface RerunOptions extends PolicyOptions, ContentOptions, TargetOptions, WhenOptions {
  readonly script?: string;
  readonly failedHosts?: boolean;
  readonly key?: string;
  readonly hold?: boolean;
  readonly follow?: boolean;
}

/** Submits an earlier run again; with `--follow` prints its log and ends as it ended. */
export async function rerunRun(context: Context, meant: string, options: RerunOptions): Promise<number> {
  const { jobs, io } = context;
  const { key, hold } = options;
  const script = await scriptOf(options, io);
  const { run } = await getMeantRun(context, meant);
  const changes = {
    ...given({ onlyFailed: options.failedHosts, script, key, hold }),
    ...contentOf(options),
    ...whereOf(options),
    ...whenOf(options, Date.now()),
    ...policyOf(options),
  };
  return printSubmitted(context, await jobs.rerunRun(run, changes, { signal: io.interrupt }), options);
}

/** Without another target the limits are those of the hosts that the run was for. */
function whereOf(options: TargetOptions): Partial<Pick<RerunChanges, "on" | "atOnce" | "maxFailed">> {
  const { on, onAny, onAll, atOnce: _, maxFailed: __, ...others } = options;
  const isElsewhere = [on, onAny, onAll].some((one) => one !== undefined);
  return isElsewhere ? targetOf(options) : { ...targetOf(others), ...limitsOf(options) };
}
