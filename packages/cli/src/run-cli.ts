import { CommanderError } from "commander";
import { INTERRUPTED, USAGE } from "./exit-codes.ts";
import type { CliIo } from "./io.ts";
import { Output } from "./output.ts";
import { makeProgram } from "./program.ts";

/**
 * Runs one command line (without node and program) and returns its exit code. Never throws, never exits: what it needs
 * of the process it is given.
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  let exitCode = 0;
  const program = makeProgram(io, async (action, options) => {
    const { makeContext } = await import("./context.ts");
    const output = new Output(io, { json: options.json === true });
    exitCode = (await action(await makeContext(options, io, output))) ?? 0;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (io.interrupt.aborted) return INTERRUPTED;
    return await report(error, new Output(io, { json: argv.includes("--json") }));
  }
}

async function report(error: unknown, output: Output): Promise<number> {
  const { exitCodeOf, JobsError, toJobsError } = await import("@jobs/core");
  if (error instanceof CommanderError) {
    const why = error.code === "commander.help" ? "No command is given" : error.message.replace(/^error: |\.$/g, "");
    const message = `${why}; see jobs --help`;
    const field = fieldOf(message);
    output.error(new JobsError("invalid-request", message, field === undefined ? {} : { field }));
    return USAGE;
  }
  const known = toJobsError(error);
  output.error(known);
  return exitCodeOf(known.code);
}

/** The option or argument that a message about the command line names first: `queueLimit` of '--queue-limit <number>'. */
function fieldOf(message: string): string | undefined {
  const [, name] = /(?:option|argument) '(?:-\w, )?(?:--)?(\w[\w-]*)/.exec(message) ?? [];
  return name?.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
