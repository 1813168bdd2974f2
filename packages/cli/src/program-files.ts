/** Commands about jobs as files say them. */
import type { Command } from "commander";
import type { ApplyOptions } from "./commands/jobs-apply.ts";
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
}
