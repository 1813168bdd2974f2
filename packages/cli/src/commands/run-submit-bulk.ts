import { BULK_MAX_RUNS, exitCodeOf, JobsError } from "@jobs/core";
import type { SubmitInput } from "@jobs/sdk";
import { readScript } from "../content-options.ts";
import type { Context } from "../context.ts";
import type { SubmitOptions } from "./run-submit.ts";

/** A submission, or what is wrong with its line. */
type Line = { readonly number: number; readonly given: SubmitInput | JobsError };

/** What came of so many is printed before the next ones are sent. */
const LINES_AT_ONCE = 10 * BULK_MAX_RUNS;

/**
 * `jobs submit --bulk FILE`: a JSON submission a line. Prints a line for each, in order: the id of its run, or `-`, and
 * its error on stderr. Ends with the exit code of the first error, else 0.
 */
export async function submitRuns(context: Context, file: string | undefined, options: SubmitOptions): Promise<number> {
  const { bulk = "-", ...others } = options;
  if (file !== undefined || Object.keys(others).length > 0) {
    const message = "With --bulk each line says all of its submission: leave out the script and every other option.";
    throw new JobsError("invalid-request", message, { field: "bulk" });
  }
  const lines = linesOf(await readScript(bulk, context.io));
  let exitCode = 0;
  for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
    const code = await submitLines(context, lines.slice(from, from + LINES_AT_ONCE));
    exitCode ||= code;
  }
  return exitCode;
}

async function submitLines({ jobs, output, io }: Context, lines: readonly Line[]): Promise<number> {
  const inputs = lines.flatMap(({ given }) => (given instanceof JobsError ? [] : [given]));
  const results = inputs.length === 0 ? [] : await jobs.submitJobs(inputs, { signal: io.interrupt });
  const inOrder = results.values();
  let exitCode = 0;
  for (const { number, given } of lines) {
    const result = given instanceof JobsError ? given : (inOrder.next().value ?? unanswered());
    if (!(result instanceof JobsError)) {
      if (output.isJson) output.json({ run: result.view, known: result.known });
      else output.line(result.id);
      continue;
    }
    exitCode ||= exitCodeOf(result.code);
    if (output.isJson) output.json(result.toBody());
    else {
      output.line("-");
      output.note(`jobs: Line ${number}: ${result.message} (${result.code})`);
    }
  }
  return exitCode;
}

function unanswered(): JobsError {
  return new JobsError("internal", "It is not known what came of this submission.");
}

function linesOf(text: string): readonly Line[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    return [{ number: index + 1, given: inputOf(line) }];
  });
}

function inputOf(line: string): SubmitInput | JobsError {
  try {
    const given: unknown = JSON.parse(line);
    if (typeof given === "object" && given !== null && !Array.isArray(given)) return given as SubmitInput;
    return new JobsError("body-not-json", "It is not one JSON object.");
  } catch (cause) {
    return new JobsError("body-not-json", `It is not JSON: ${(cause as Error).message}.`, { cause });
  }
}
