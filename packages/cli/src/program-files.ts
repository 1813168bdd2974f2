/** Commands about jobs as files say them. */
import type { Command } from "commander";
import type { ApplyOptions } from "./commands/jobs-apply.ts";
import type { ExportOptions } from "./commands/jobs-export.ts";
import type { Execute } from "./execute.ts";

export function addFileCommands(program: Command, execute: Execute): void {
  program
    .command("apply")
    .description("Make the jobs of a file as it says them; prints what is different first. See docs/definitions.md.")
    .requiredOption("-f, --file <file>", "jobs in YAML or JSON, or - for standard input")
    .option("--set <name>", "the set of jobs that the file is (default: the file's set, else default)")
    .option("--dry-run", "check all of it and print what is different, and do nothing")
    .option("--prune", "delete the jobs that were applied from the set before and are not in the file any more")
    .action((options: ApplyOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/jobs-apply.ts")).applyFile(context, options),
        command.optsWithGlobals(),
      ),
    );
  program
    .command("export")
    .description("Print jobs as a file that apply reads and finds unchanged: all, or those that are named.")
    .argument("[job...]", "names of jobs")
    .option("--set <name>", "only jobs that were applied from this set")
    .option("-o, --output <file>", "write it there")
    .action((names: readonly string[], options: ExportOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/jobs-export.ts")).exportJobs(context, names, options),
        command.optsWithGlobals(),
      ),
    );
}
