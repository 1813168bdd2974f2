/**
 * Applies a set of jobs: all of it is checked by the server first, then what is different is saved, then what is of the
 * set and not in it any more is deleted. Nothing is stored when any of it is wrong.
 */
import { JobsError, normaliseJobName, type JobView, type OperationInput } from "@jobs/core";
import { call, type CallOptions } from "./call.ts";
import type { Connection } from "./connection.ts";
import { inTurns } from "./in-turns.ts";
import { differenceOf, type JobDifference } from "./job-difference.ts";
import { namesOfJobs } from "./job-pages.ts";

/** All that is said of a job: what is left out is not said of it any more. */
export type JobInput = Pick<OperationInput<"saveJob">, "task" | "schedules" | "policy">;

export interface ApplyOptions extends CallOptions {
  /** The name of the set; `default` when left out. */
  readonly set?: string | undefined;
  /** Only says what would become of each job. */
  readonly dryRun?: boolean | undefined;
  /** Deletes the jobs that were applied from this set and are not in it any more; never one that was made by hand. */
  readonly prune?: boolean | undefined;
  /** Told of all that is to be done, when all of it is right, before the first of it is done. */
  readonly onPlan?: ((plan: readonly JobDifference[]) => void) | undefined;
}

const DEFAULT_SET = "default";
const FIELDS: ReadonlySet<string> = new Set(["task", "schedules", "policy"] satisfies (keyof JobInput)[]);

interface Named {
  readonly name: string;
  readonly said: Required<Omit<OperationInput<"saveJob">, "name" | "dryRun" | "ifUpdatedAt">>;
}

/** What became of each job: in the order given, then those that are not in the set any more. */
export async function applyJobs(
  connection: Connection,
  jobs: Readonly<Record<string, JobInput>>,
  { set = DEFAULT_SET, dryRun = false, prune = false, onPlan, ...options }: ApplyOptions,
): Promise<JobDifference[]> {
  const named = namedOf(jobs, set);
  const planned = await inTurns(named, (one) => planOf(connection, one, options));
  const problems = planned.filter((one) => one instanceof JobsError);
  if (problems.length > 0) throw allOf(problems);
  const differences = planned.filter((one): one is JobDifference => !(one instanceof JobsError));
  const inSet = new Set(differences.map(({ job }) => job));
  const left = (await namesOfJobs(connection, { appliedFrom: set }, options)).filter((job) => !inSet.has(job));
  const others = left.map((job): JobDifference => ({ job, kind: prune ? "pruned" : "kept", fields: [] }));
  const plan = [...differences, ...others];
  onPlan?.(plan);
  if (dryRun) return plan;
  const saidOf = new Map(differences.map(({ job }, index) => [job, named[index]?.said]));
  const done: JobDifference[] = [];
  for (const one of plan) {
    const error = await carriedOut(connection, { difference: one, said: saidOf.get(one.job) }, options);
    done.push(error === undefined ? one : { ...one, error });
  }
  return done;
}

/** Throws `invalid-request`, whose `details.problems` has all that is wrong. */
function namedOf(jobs: Readonly<Record<string, JobInput>>, appliedFrom: string): readonly Named[] {
  if (!isMap(jobs)) {
    const message = "The jobs are a map by their names: { nightly: { task, schedules, policy } }.";
    throw new JobsError("invalid-request", message, { field: "jobs" });
  }
  const problems = Object.entries(jobs).flatMap(([name, job]) => problemsOf(job).map((one) => inSetOf(name, one)));
  if (problems.length > 0) throw allOf(problems);
  const named = new Map<string, Named>();
  for (const [given, { task, schedules, policy }] of Object.entries(jobs)) {
    const name = normaliseJobName(given);
    if (named.has(name)) {
      const message = `Two jobs have the name “${name}”.`;
      throw new JobsError("invalid-request", message, { field: `jobs.${given}` });
    }
    const said = { task: task ?? null, schedules: schedules ?? [], policy: policy ?? {}, appliedFrom };
    named.set(name, { name, said });
  }
  return [...named.values()];
}

/** What is left out of a job is taken from it: so a field that is not known is none that may be passed over. */
function problemsOf(job: JobInput): readonly JobsError[] {
  if (!isMap(job)) return [new JobsError("invalid-request", "A job is { task, schedules, policy }.", { field: "" })];
  const unknown = Object.keys(job).filter((field) => !FIELDS.has(field));
  return unknown.map((field) => new JobsError("invalid-request", "There is no such field.", { field }));
}

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !(Symbol.iterator in value);
}

/** What would become of a job, or what is wrong with what is said of it. */
async function planOf(
  connection: Connection,
  { name, said }: Named,
  options: CallOptions,
): Promise<JobDifference | JobsError> {
  try {
    const [before, after] = await Promise.all([
      findJob(connection, name, options),
      call(connection, { operation: "saveJob", input: { name, ...said, dryRun: true } }, options),
    ]);
    return differenceOf(before, after);
  } catch (error) {
    if (error instanceof JobsError && isAboutInput(error)) return inSetOf(name, error);
    throw error;
  }
}

/** What is said of a job; undefined when nothing is, also of one that has run. */
async function findJob(connection: Connection, name: string, options: CallOptions): Promise<JobView | undefined> {
  try {
    const view = await call(connection, { operation: "getJob", input: { name } }, options);
    return view.updatedAt === undefined ? undefined : view;
  } catch (error) {
    if (error instanceof JobsError && error.code === "job-unknown") return undefined;
    throw error;
  }
}

interface Step {
  readonly difference: JobDifference;
  readonly said: Named["said"] | undefined;
}

/** Why it could not be done; the others are done all the same. */
async function carriedOut(
  connection: Connection,
  { difference: { job: name, kind }, said }: Step,
  options: CallOptions,
): Promise<JobsError | undefined> {
  try {
    if (kind === "pruned") await call(connection, { operation: "deleteJob", input: { name } }, options);
    else if (kind === "added" || kind === "changed")
      await call(connection, { operation: "saveJob", input: { name, ...said } }, options);
    return undefined;
  } catch (error) {
    if (error instanceof JobsError) return error;
    throw error;
  }
}

/** True when what is said is wrong, not the way to the server. */
function isAboutInput({ field }: JobsError): boolean {
  return field !== undefined;
}

/** The error with the path that leads to its field from the whole set: `jobs.nightly.schedules[0].cron`. */
function inSetOf(name: string, { code, message, field = "", details }: JobsError): JobsError {
  const below = field === "name" ? "" : field;
  const path = below === "" ? [] : below.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  const at = `jobs.${name}${text}`;
  return new JobsError(code, `${at}: ${message}`, { field: at, details: { ...details, job: name, path } });
}

/** The first one, which knows of all. */
function allOf(errors: readonly JobsError[]): JobsError {
  const [first] = errors;
  if (first === undefined) throw new Error("there is an error");
  const problems = errors.map(({ field, message, details }) => ({ field, message, ...details }));
  return new JobsError(first.code, first.message, {
    ...(first.field === undefined ? {} : { field: first.field }),
    details: { problems },
  });
}
