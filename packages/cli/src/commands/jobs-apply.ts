import { exitCodeOf, JobsError } from "@jobs/core";
import type { FieldDifference, JobDifference } from "@jobs/sdk";
import type { Context } from "../context.ts";
import { readJobsFile } from "../jobs-file.ts";
import type { Cell, Output } from "../output.ts";

/** Options of `jobs apply`. */
export interface ApplyOptions {
  readonly file: string;
  readonly set?: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
}

const DEFAULT_SET = "default";
const MARKS = {
  added: { text: "+", colour: "green" },
  changed: { text: "~", colour: "yellow" },
  unchanged: { text: "=", colour: "dim" },
  pruned: { text: "-", colour: "red" },
  kept: { text: "?", colour: "dim" },
} as const satisfies Record<JobDifference["kind"], Cell>;

/** Prints what is different, and makes it so; ends with the exit code of the first job of which that failed. */
export async function applyFile(context: Context, options: ApplyOptions): Promise<number> {
  const { jobs: client, output, io } = context;
  const { dryRun, prune } = options;
  const file = await readJobsFile(options.file, io).catch((error: unknown) => tellAll(output, error));
  const set = options.set ?? file.set ?? DEFAULT_SET;
  const onPlan = (plan: readonly JobDifference[]): void => void (output.isJson || print(output, plan));
  const call = { set, dryRun, prune, onPlan, signal: io.interrupt };
  const done = await client
    .applyJobs(file.jobs, call)
    .catch((error: unknown) => tellAll(output, error instanceof JobsError ? file.located(error) : error));
  if (output.isJson) output.json({ set, dryRun: dryRun === true, jobs: done.map(documentOf) });
  else output.line(countsOf(done, options));
  const failed = done.filter(({ error }) => error !== undefined);
  for (const { job, error } of failed) output.note(`${job}: ${error?.message ?? ""} (${error?.code ?? ""})`);
  const [first] = failed;
  return first?.error === undefined ? 0 : exitCodeOf(first.error.code);
}

/** Throws what is wrong; of several faults it says all but the first, which the error is about. */
function tellAll(output: Output, error: unknown): never {
  const { details } = error instanceof JobsError ? error : {};
  const [, ...others] = (details?.["problems"] as readonly { message: string }[] | undefined) ?? [];
  for (const { message } of others) output.note(message);
  throw error;
}

function documentOf({ error, ...difference }: JobDifference): object {
  return error === undefined ? difference : { ...difference, ...error.toBody() };
}

function print(output: Output, plan: readonly JobDifference[]): void {
  for (const { job, kind, fields } of plan) {
    output.table([[MARKS[kind], `${job}: ${TEXTS[kind]}`]]);
    for (const field of fields) for (const line of linesOf(field, kind)) output.line(`     ${line}`.replace(/\n$/, ""));
  }
}

/** How many jobs became what; one of which that failed is counted as that alone. */
function countsOf(done: readonly JobDifference[], { dryRun, prune }: ApplyOptions): string {
  const count = (kind: JobDifference["kind"]): string =>
    `${done.filter((one) => one.kind === kind && one.error === undefined).length} ${kind}`;
  const left = prune === true ? count("pruned") : count("kept");
  const failed = done.filter(({ error }) => error !== undefined).length;
  const note = dryRun === true ? "; nothing is done: --dry-run" : failed === 0 ? "" : `, ${failed} failed`;
  return `${count("added")}, ${count("changed")}, ${count("unchanged")}, ${left}${note}.`;
}

const TEXTS = {
  added: "added",
  changed: "changed",
  unchanged: "unchanged",
  pruned: "pruned, it is not in the file any more",
  kept: "not in the file any more; --prune deletes it",
} as const satisfies Record<JobDifference["kind"], string>;

/** A field of a new job has no value before; of a text of several lines, those that differ. */
function linesOf({ field, before, after }: FieldDifference, kind: JobDifference["kind"]): readonly string[] {
  if (isLong(before) || isLong(after)) {
    const [removed, added] = differing(linesIn(before), linesIn(after));
    return [`${field}:`, ...removed.map((line) => `  - ${line}`), ...added.map((line) => `  + ${line}`)];
  }
  return [kind === "added" ? `${field}: ${textOf(after)}` : `${field}: ${textOf(before)} → ${textOf(after)}`];
}

/** Each with the newline that ends it; none of what is not said. */
function linesIn(value: unknown): readonly string[] {
  return value === undefined ? [] : textOf(value).split(/(?<=\n)/);
}

function isLong(value: unknown): boolean {
  return typeof value === "string" && value.includes("\n");
}

function textOf(value: unknown): string {
  if (value === undefined) return "not said";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What is left of each when the lines are away that both begin with and both end with. */
function differing(old: readonly string[], now: readonly string[]): readonly [readonly string[], readonly string[]] {
  let same = 0;
  while (same < Math.min(old.length, now.length) && old[same] === now[same]) same++;
  let end = 0;
  while (end < Math.min(old.length, now.length) - same && old.at(-1 - end) === now.at(-1 - end)) end++;
  return [old.slice(same, old.length - end), now.slice(same, now.length - end)];
}
