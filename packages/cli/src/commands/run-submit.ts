import { basename } from "node:path";
import { JobsError } from "@jobs/core";
import type { RunHandle, SubmitInput } from "@jobs/sdk";
import { contentOf, readScript, type ContentOptions } from "../content-options.ts";
import type { Context } from "../context.ts";
import { exitCodeOfRun } from "../exit-codes.ts";
import { printState, printToEnd } from "../follow-run.ts";
import { given } from "../given.ts";
import type { CliIo } from "../io.ts";
import { policyOf, type PolicyOptions } from "../policy-options.ts";
import { targetOf, type TargetOptions } from "../target-options.ts";
import { whenOf, type WhenOptions } from "../when-options.ts";

/** Options of `jobs submit`. */
export interface SubmitOptions extends PolicyOptions, ContentOptions, TargetOptions, WhenOptions {
  readonly name?: string;
  readonly key?: string;
  readonly hold?: boolean;
  readonly follow?: boolean;
  readonly bulk?: string;
}

/** Submits a script; with `--follow` prints its log and ends as it ended. */
export async function submitRun(context: Context, file: string | undefined, options: SubmitOptions): Promise<number> {
  const { jobs, output, io } = context;
  const input = await inputOf(file, options, io);
  const run = await jobs.submitJob(input, { signal: io.interrupt }).catch((error: unknown) => {
    if (io.interrupt.aborted) output.note(`jobs: It may have been accepted; look: jobs list --job '${input.name}'`);
    throw error;
  });
  return printSubmitted(context, run, options);
}

/** Prints the run that was made, or with `--follow` its log; the exit code for it. */
export async function printSubmitted(
  context: Context,
  run: RunHandle,
  options: Pick<SubmitOptions, "key" | "follow">,
): Promise<number> {
  const { output } = context;
  if (run.known && options.key !== undefined)
    output.note("jobs: The key was used before: nothing new was submitted, this is that run.");
  if (options.follow === true) {
    output.note(`jobs: Run ${run.id} of ${run.job}.`);
    printState(output, run.view);
    return exitCodeOfRun(await printToEnd(context, run, 0));
  }
  if (output.isJson) output.json({ run: run.view, known: run.known });
  else output.line(run.id);
  output.note(`jobs: ${run.view.sentence}`);
  return 0;
}

async function inputOf(file: string | undefined, options: SubmitOptions, io: CliIo): Promise<SubmitInput> {
  const { command, key, hold } = options;
  if ((command === undefined) === (file === undefined)) {
    throw new JobsError("invalid-request", "Give a script: a FILE, - for standard input, or -c COMMAND; one of them.", {
      field: "script",
    });
  }
  const name = options.name ?? (file === undefined || file === "-" ? undefined : basename(file));
  if (name === undefined) {
    throw new JobsError("name-invalid", "Give the job a name: --name NAME. Only a FILE has one of its own.", {
      field: "name",
    });
  }
  return {
    name,
    script: command ?? (await readScript(file ?? "-", io)),
    ...contentOf(options),
    ...targetOf(options),
    ...given({ key, hold }),
    ...whenOf(options, Date.now()),
    ...policyOf(options),
  };
}
