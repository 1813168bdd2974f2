/** Commands about jobs: what a run of one does, when, and how; and a run of it now. */
import { Option, type Command } from "commander";
import type { JobListOptions } from "./commands/job-list.ts";
import type { RunJobCliOptions } from "./commands/job-run.ts";
import type { JobScheduleOptions } from "./commands/job-schedule.ts";
import type { JobOptions } from "./commands/job-show.ts";
import { contentOptions } from "./content-options.ts";
import type { Execute } from "./execute.ts";
import { parameterOption } from "./parameter-options.ts";
import { policyOptions } from "./policy-options.ts";
import { scheduleOptions } from "./schedule-options.ts";
import { targetOptions } from "./target-options.ts";
import { whenOptions } from "./when-options.ts";

const JOB = "name of the job";

export function addJobCommands(program: Command, execute: Execute): void {
  addJobCommand(program, execute);
  const schedule = program
    .command("schedule")
    .description("Set one schedule of a job that has a task, as a whole; see docs/schedules.md.")
    .argument("<job>", JOB);
  for (const option of scheduleOptions()) schedule.addOption(option);
  const rule = scheduleOptions().map((option) => option.attributeName());
  schedule
    .option("--preview [count]", "only show its next firings")
    .addOption(new Option("--remove", "remove it").conflicts(["preview", ...rule.filter((name) => name !== "id")]))
    .action((name: string, options: JobScheduleOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/job-schedule.ts")).scheduleJob(context, name, options),
        command.optsWithGlobals(),
      ),
    );
  const run = program
    .command("run")
    .description("Submit a run of a job's task; prints the id of the run.")
    .argument("<job>", JOB)
    .addOption(parameterOption())
    .option("--key <key>", "idempotency key")
    .option("--hold", "accept it, but do not start it before it is released");
  for (const option of [...targetOptions("another agent than the task says"), ...whenOptions(), ...policyOptions()])
    run.addOption(option);
  run
    .option("-f, --follow", "print the log as it comes, and exit as the script does")
    .action((name: string, options: RunJobCliOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/job-run.ts")).runJob(context, name, options),
        command.optsWithGlobals(),
      ),
    );
}

function addJobCommand(program: Command, execute: Execute): void {
  const job = program
    .command("job")
    .description(
      "Show a job, or say what it is; list the jobs. `job NAME` is `job show NAME`, whose --help has the options.",
    );
  const show = job
    .command("show", { isDefault: true })
    .description(
      "Show its task, schedules, policy and line. With options: set its task or its policy as a whole; without a script, change where and how its task runs.",
    )
    .argument("<job>", JOB)
    .option("--script <file>", "what a run of it does, or - for standard input")
    .option("--no-task", "it has no task any more")
    .option("--keep-days <days>", "keep its finished runs for so long, or all")
    .option("--keep-runs <number>", "keep so many of its finished runs, or all")
    .option("--defaults", "set its policy back to the defaults");
  const content = contentOptions({ env: "; replaces all of it", interpreter: "its #! line, else bash" });
  for (const option of [...targetOptions("where its runs go"), ...content, ...policyOptions()]) show.addOption(option);
  show.action((name: string, options: JobOptions, command: Command) =>
    execute(
      async (context) => (await import("./commands/job-show.ts")).showJob(context, name, options),
      command.optsWithGlobals(),
    ),
  );
  job
    .command("list")
    .description("List the jobs of which something is said or that have a live run, by name.")
    .option("--limit <number>", "at most this many; all if left out")
    .option("--after <job>", "only those whose names come after this one")
    .action((options: JobListOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/job-list.ts")).listJobs(context, options),
        command.optsWithGlobals(),
      ),
    );
  job
    .command("delete")
    .description("Delete what is said of a job; refused while a run of it lives.")
    .argument("<job>", JOB)
    .option("--history", "delete its finished runs, too")
    .action((name: string, options: { history?: boolean }, command: Command) =>
      execute(
        async (context) => (await import("./commands/job-delete.ts")).deleteJob(context, name, options),
        command.optsWithGlobals(),
      ),
    );
}
