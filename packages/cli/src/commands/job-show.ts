import { JobsError } from "@jobs/core";
import type { JobChanges, JobView } from "@jobs/sdk";
import { changeJob } from "../change-job.ts";
import { contentOf, scriptOf, type ContentOptions } from "../content-options.ts";
import type { Context } from "../context.ts";
import { given, madeOf } from "../given.ts";
import type { Cell } from "../output.ts";
import { policyOf, type PolicyOptions } from "../policy-options.ts";
import { ruleOf, settingsOf } from "../schedule-text.ts";
import { targetOf, targetText, type TargetOptions } from "../target-options.ts";
import { instantText, stateCell } from "../view-text.ts";

/** Options of `jobs job`. */
export interface JobOptions extends PolicyOptions, ContentOptions, TargetOptions {
  readonly defaults?: boolean;
  readonly keepDays?: string;
  readonly keepRuns?: string;
  readonly script?: string;
  /** `--no-task`: false. */
  readonly task?: boolean;
}

/** Prints a job; with options, says them of it first. */
export async function showJob(context: Context, name: string, options: JobOptions): Promise<void> {
  const { output } = context;
  const view = await changeJob(() => changed(context, name, options));
  printJob(context, view);
  if (!output.isJson && view.runs.length > 0)
    output.table(view.runs.map((run) => [run.run, stateCell(run), String(run.place ?? "-"), run.sentence]));
}

/** Prints what is said of a job. */
export function printJob({ output }: Context, view: JobView): void {
  if (output.isJson) return output.json(view);
  output.table(rowsOf(view));
  for (const { schedule, next } of view.schedules ?? []) {
    output.line("");
    output.table([
      [{ text: `schedule ${schedule.id}`, colour: "dim" }, ruleOf(schedule)],
      ...next.map(({ wall, skip }): Cell[] => [
        { text: "next", colour: "dim" },
        skip === undefined ? wall : `${wall}, skipped: ${skip}`,
      ]),
    ]);
    const settings = settingsOf(schedule);
    if (settings !== "") output.line(`with ${settings}`);
  }
}

async function changed(context: Context, name: string, options: JobOptions): Promise<JobView> {
  const { jobs, io } = context;
  const changes = await changesOf(context, name, options);
  const call = { signal: io.interrupt };
  return Object.keys(changes).length > 0 ? jobs.saveJob(name, changes, call) : jobs.getJob(name, call);
}

async function changesOf(context: Context, name: string, options: JobOptions): Promise<JobChanges> {
  const policy = { ...policyOf(options), ...retentionOf(options) };
  const isAnySaid = Object.keys(policy).length > 0;
  const task = await taskOf(context, name, options);
  // The defaults alone make no job: it throws where there is none.
  if (options.defaults === true && !isAnySaid && !task.task)
    await context.jobs.getJob(name, { signal: context.io.interrupt });
  return { ...(options.defaults === true || isAnySaid ? { policy } : {}), ...task };
}

/** With a script a task of its own; without one the task that the job has, with what is said of it. */
async function taskOf({ jobs, io }: Context, name: string, options: JobOptions): Promise<JobChanges> {
  const script = await scriptOf(options, io);
  const said = { ...contentOf(options), ...targetOf(options) };
  const isAnySaid = script !== undefined || Object.keys(said).length > 0;
  if (options.task === false && isAnySaid) throw wrongTask("Give --no-task, or what the task is to be; not both.");
  if (options.task === false) return { task: null };
  if (script !== undefined) return { task: { script, ...said } };
  if (!isAnySaid) return {};
  const { task, updatedAt = null } = await jobs.getJob(name, { signal: io.interrupt });
  if (task === undefined) throw wrongTask(`The job “${name}” has no task: give its script, too, with --script or -c.`);
  const { on, agent, script: asItIs, interpreter, env, parameters } = task;
  const before = { on: agent ?? on, script: asItIs, interpreter, env, ...given({ parameters }) };
  return { task: { ...before, ...said }, ifUpdatedAt: updatedAt };
}

function wrongTask(message: string): JobsError {
  return new JobsError("invalid-request", message, { field: "task" });
}

function retentionOf({ keepDays, keepRuns }: JobOptions): Pick<NonNullable<JobChanges["policy"]>, "retention"> {
  const retention = given({
    days: madeOf(keepDays, (text) => boundOf(text, "--keep-days")),
    runs: madeOf(keepRuns, (text) => boundOf(text, "--keep-runs")),
  });
  return Object.keys(retention).length === 0 ? {} : { retention };
}

/** Null: none. */
function boundOf(text: string, option: string): number | null {
  if (text === "all") return null;
  if (/^\d+$/.test(text)) return Number(text);
  throw new JobsError("invalid-request", `${option} takes a number or "all", not "${text}".`, { field: "policy" });
}

function rowsOf({ job, policy, task, unreadable, paused, updatedAt, updatedBy }: JobView): Cell[][] {
  const said = Object.entries(policy).map(([key, value]) => `${key} ${settingText(key, value)}`);
  const why = paused?.note === undefined ? "" : `: ${paused.note}`;
  const rows: [string, Cell | undefined][] = [
    ["job", job],
    ["left alone", unreadable === undefined ? undefined : { text: unreadable, colour: "red" }],
    ["policy", said.length === 0 ? "the defaults" : said.join(", ")],
    [
      "task",
      task === undefined
        ? undefined
        : `on ${targetText(task.on)}, ${task.interpreter.join(" ")}: ${firstLineOf(task.script)}`,
    ],
    ...(task?.parameters ?? []).map((one): [string, Cell] => ["parameter", parameterText(one)]),
    [
      "paused",
      paused === undefined ? undefined : { text: `${instantText(paused.at)} by ${paused.by}${why}`, colour: "yellow" },
    ],
    ["changed", updatedAt === undefined ? undefined : `${instantText(updatedAt)} by ${updatedBy}`],
  ];
  return rows.flatMap(([label, cell]) => (cell === undefined ? [] : [[{ text: label, colour: "dim" } as const, cell]]));
}

function settingText(key: string, value: unknown): string {
  if (value === null) return "never";
  if (key !== "retention") return typeof value === "string" ? value : JSON.stringify(value);
  return Object.entries(value as object)
    .map(([unit, most]) => `${most === null ? "all" : String(most)} ${unit}`)
    .join(", ");
}

function parameterText(parameter: NonNullable<NonNullable<JobView["task"]>["parameters"]>[number]): string {
  const { name, type, required, description } = parameter;
  const values = parameter.type === "choice" ? ` ${parameter.values.join("|")}` : "";
  const byDefault = parameter.default === undefined ? "" : `, ${JSON.stringify(parameter.default)} if not given`;
  const must = required === true && parameter.default === undefined ? ", required" : "";
  return `${name}: ${type}${values}${byDefault}${must}${description === undefined ? "" : `: ${description}`}`;
}

/** The first line that is no `#!` line. */
function firstLineOf(script: string): string {
  const [first = "", ...others] = script.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#!"));
  return others.length === 0 ? first : `${first} …`;
}
