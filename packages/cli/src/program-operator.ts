/** Commands with which runs and jobs are steered: hold, release, rerun, resolve, pause, resume, overdue, audit. */
import type { Command } from "commander";
import type { RerunOptions } from "./commands/run-rerun.ts";
import { contentOptions } from "./content-options.ts";
import { RUN, type Execute } from "./execute.ts";
import { policyOptions } from "./policy-options.ts";
import { targetOptions } from "./target-options.ts";
import { whenOptions } from "./when-options.ts";

export function addOperatorCommands(program: Command, execute: Execute): void {
  addRunSteering(program, execute);
  addJobSteering(program, execute);
  program
    .command("overdue")
    .description("List runs whose next step should have been done by now, and what to do about it.")
    .action((_, command: Command) =>
      execute(
        async (context) => (await import("./commands/run-overdue.ts")).listOverdue(context),
        command.optsWithGlobals(),
      ),
    );
  program
    .command("audit")
    .description("List who cancelled, held, resolved, paused or changed what, the newest first.")
    .option("--limit <number>", "at most this many", "20")
    .action((options: { limit: string }, command: Command) =>
      execute(
        async (context) => (await import("./commands/audit-list.ts")).listAudit(context, options),
        command.optsWithGlobals(),
      ),
    );
}

export function addAgentCommands(program: Command, execute: Execute): void {
  const agents = program.command("agents").description("List the agents, or let one take on no more runs.");
  agents
    .command("list", { isDefault: true })
    .description("List them, and whether they are in contact.")
    .action((_, command: Command) =>
      execute(
        async (context) => (await import("./commands/agent-list.ts")).listAgents(context),
        command.optsWithGlobals(),
      ),
    );
  for (const [name, description] of [
    ["drain", "Let an agent take on no more runs; what runs on it goes on, what waits for it waits."],
    ["undrain", "Let it take on runs again."],
  ] as const) {
    agents
      .command(name)
      .description(description)
      .argument("<agent>", "its name or id")
      .option("--note <text>", "why; kept with it and in the audit")
      .action((agent: string, options: { note?: string }, command: Command) =>
        execute(
          async (context) =>
            (await import("./commands/agent-list.ts")).steerAgent(context, { action: name, agent }, options),
          command.optsWithGlobals(),
        ),
      );
  }
}

function addRunSteering(program: Command, execute: Execute): void {
  for (const [name, description] of [
    ["hold", "Keep a run that waits from starting; those behind it pass it."],
    ["release", "Let a held run go on, at its old place in line."],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument("<run>", RUN)
      .action((run: string, _, command: Command) =>
        execute(
          async (context) => (await import("./commands/run-hold.ts")).steerRun(context, name, run),
          command.optsWithGlobals(),
        ),
      );
  }
  const rerun = program
    .command("rerun")
    .description("Submit the same again, as it was or changed; prints the id of the new run.")
    .argument("<run>", RUN)
    .option("--script <file>", "another script, or - for standard input")
    .option("--failed-hosts", "only on the hosts that did not complete it")
    .option("--key <key>", "idempotency key")
    .option("--hold", "accept it, but do not start it before it is released");
  const content = contentOptions({
    env: "; replaces all of it, not only these names",
    interpreter: "as it was; with another script its #! line, else bash",
  });
  for (const option of [...targetOptions("another agent"), ...content, ...whenOptions(), ...policyOptions()])
    rerun.addOption(option);
  rerun
    .option("-f, --follow", "print the log as it comes, and exit as the script does")
    .action((run: string, options: RerunOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/run-rerun.ts")).rerunRun(context, run, options),
        command.optsWithGlobals(),
      ),
    );
  program
    .command("resolve")
    .description(
      "Say that nothing of a run is running any more: ends one of which its host says nothing, frees a job from what is left over. Be sure of it.",
    )
    .argument("<run>", RUN)
    .option("--note <text>", "why; kept in the audit")
    .action((run: string, options: { note?: string }, command: Command) =>
      execute(
        async (context) => (await import("./commands/run-resolve.ts")).resolveRun(context, run, options),
        command.optsWithGlobals(),
      ),
    );
}

function addJobSteering(program: Command, execute: Execute): void {
  for (const [name, description] of [
    ["pause", "Let no run of a job start, or of any job with --all; what runs goes on."],
    ["resume", "Let runs start again."],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument("[job]", "name of the job")
      .option("--all", "of all jobs")
      .option("--note <text>", "why; kept with the pause and in the audit")
      .action((job: string | undefined, options: { all?: boolean; note?: string }, command: Command) =>
        execute(
          async (context) =>
            (await import("./commands/job-pause.ts")).steerJob(context, { action: name, job }, options),
          command.optsWithGlobals(),
        ),
      );
  }
}
