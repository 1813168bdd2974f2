/** The command line: names, options, help. What a command does is loaded when it runs, so that help comes at once. */
import { Command } from "commander";
import type { GetOptions } from "./commands/artifact-get.ts";
import type { ArtifactOptions } from "./commands/artifact-list.ts";
import type { ListOptions } from "./commands/run-list.ts";
import type { LogsOptions } from "./commands/run-logs.ts";
import type { SubmitOptions } from "./commands/run-submit.ts";
import { contentOptions } from "./content-options.ts";
import { RUN, type Execute } from "./execute.ts";
import type { CliIo } from "./io.ts";
import { filterOptions, pageOptions } from "./list-options.ts";
import { policyOptions } from "./policy-options.ts";
import { addFileCommands } from "./program-files.ts";
import { addJobCommands } from "./program-job.ts";
import { addAgentCommands, addOperatorCommands } from "./program-operator.ts";
import { targetOptions } from "./target-options.ts";
import { VERSION } from "./version.ts";
import { whenOptions } from "./when-options.ts";

const HELP = `
Server and token: --url and --token, else JOBS_URL and JOBS_TOKEN, else the file $JOBS_CONFIG,
  $XDG_CONFIG_HOME/jobs/config.json or ~/.config/jobs/config.json: {"url": "…", "token": "…"}

--json: one JSON document; while following one a line:
  {"type":"run","run":{…}}                                  at first and at each change of state
  {"type":"log","attempt":n,"offset":n,"sizeBytes":n,"text":"…"}  text in UTF-8; without --json the bytes come unchanged
  {"type":"log-end","lengthBytes":n,"complete":true,…}
  Of a run on several hosts "log" and "log-end" have "host", too; without --json each line stands behind the host's name.
  Errors are one line on stderr: {"error":{"code","message","field"?,"details"?}}

Exit codes: of "submit --follow" the script's own, 128+n when signal n ended it, 110 cancelled, 111 skipped, 112 lost,
  113 host restarted, 114 host stopped, 115 supervisor ended, 116 refused by the agent,
  117 not all hosts completed it, 119 unknown end, 124 timeout.
  Errors: 64 wrong input, 65 refused script, 66 not found, 69 no answer, 74 output not written,
  75 job busy or queue full, 77 token refused, 78 configuration.
  130 Ctrl-C: the run goes on.`;

const HOST = "of a run on several hosts: on this one, by its name or id";

/** Builds the program; nothing runs before it is given arguments. */
export function makeProgram(io: CliIo, execute: Execute): Command {
  const program = new Command("jobs")
    .description("Runs your scripts on your own hosts.")
    .version(VERSION)
    .option("--url <url>", "address of the server")
    .option("--token <token>", "access token (visible to other users of this machine: JOBS_TOKEN is not)")
    .option("--json", "output for programs")
    .addHelpText("after", HELP)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: () => undefined, // printed as every other error
    });
  addRunCommands(program, execute);
  addJobCommands(program, execute);
  addFileCommands(program, execute);
  addOperatorCommands(program, execute);
  addArtifactCommands(program, execute);
  addAgentCommands(program, execute);
  return program;
}

function addRunCommands(program: Command, execute: Execute): void {
  const submit = program
    .command("submit")
    .description("Submit a script; prints the id of its run.")
    .argument("[file]", "the script, or - for standard input")
    .option("-n, --name <job>", "the job; left out: the name of the file")
    .option("--key <key>", "idempotency key: the same key of a job gives the same run")
    .option("--hold", "accept it, but do not start it before it is released");
  const content = contentOptions({ env: "", interpreter: "its #! line, else bash" });
  const target = targetOptions("name or id of the agent; may be left out while there is only one");
  for (const option of [...target, ...content, ...whenOptions(), ...policyOptions()]) submit.addOption(option);
  submit
    .option("-f, --follow", "print the log as it comes, and exit as the script does")
    .option("--bulk <file>", "many at once: a JSON submission a line, or - for standard input; prints a line for each")
    .action((file: string | undefined, options: SubmitOptions, command: Command) =>
      execute(async (context) => {
        if (options.bulk !== undefined)
          return (await import("./commands/run-submit-bulk.ts")).submitRuns(context, file, options);
        return (await import("./commands/run-submit.ts")).submitRun(context, file, options);
      }, command.optsWithGlobals()),
    );
  program
    .command("logs")
    .description("Print the log of a run, its bytes unchanged.")
    .argument("<run>", RUN)
    .option("-f, --follow", "go on until the run has ended")
    .option("--from <offset>", "begin at this byte", "0")
    .option("--attempt <number>", "of this attempt and no other")
    .option("--host <agent>", HOST)
    .action((run: string, options: LogsOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/run-logs.ts")).printRunLog(context, run, options),
        command.optsWithGlobals(),
      ),
    );
  program
    .command("status")
    .description("Show where a run stands or how it ended.")
    .argument("<run>", RUN)
    .action((run: string, _, command: Command) =>
      execute(
        async (context) => (await import("./commands/run-status.ts")).printRunStatus(context, run),
        command.optsWithGlobals(),
      ),
    );
  program
    .command("hosts")
    .description("List the hosts of a run that is for several, and how they stand.")
    .argument("<run>", RUN)
    .action((run: string, _, command: Command) =>
      execute(
        async (context) => (await import("./commands/run-hosts.ts")).listHosts(context, run),
        command.optsWithGlobals(),
      ),
    );
  const list = program.command("list").description("List runs, the newest first.");
  for (const option of [...filterOptions(), ...pageOptions()]) list.addOption(option);
  list.action((options: ListOptions, command: Command) =>
    execute(
      async (context) => (await import("./commands/run-list.ts")).listRuns(context, options),
      command.optsWithGlobals(),
    ),
  );
  program
    .command("cancel")
    .description("Cancel a run: its whole process tree is ended.")
    .argument("<run>", RUN)
    .action((run: string, _, command: Command) =>
      execute(
        async (context) => (await import("./commands/run-cancel.ts")).cancelRun(context, run),
        command.optsWithGlobals(),
      ),
    );
}

function addArtifactCommands(program: Command, execute: Execute): void {
  const artifacts = program
    .command("artifacts")
    .description("List or fetch the files that a run left in $JOBS_OUTPUT; `artifacts RUN` lists them.");
  artifacts
    .command("list", { isDefault: true })
    .description("List them.")
    .argument("<run>", RUN)
    .option("--attempt <number>", "of an earlier attempt")
    .option("--host <agent>", HOST)
    .action((run: string, options: ArtifactOptions, command: Command) =>
      execute(
        async (context) => (await import("./commands/artifact-list.ts")).listArtifacts(context, run, options),
        command.optsWithGlobals(),
      ),
    );
  artifacts
    .command("get")
    .description("Fetch them, checked against size and SHA-256; waits until the run is settled.")
    .argument("<run>", RUN)
    .argument("[name]", "only this file")
    .option("-o, --output <dir>", "folder to write to, - for standard output", ".")
    .option("--force", "replace files that exist")
    .option("--attempt <number>", "of an earlier attempt")
    .option("--host <agent>", HOST)
    .action((...[run, name, options, command]: [string, string | undefined, GetOptions, Command]) =>
      execute(
        async (context) => (await import("./commands/artifact-get.ts")).getArtifacts(context, { run, name }, options),
        command.optsWithGlobals(),
      ),
    );
}
