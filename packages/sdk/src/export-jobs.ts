/** Jobs as they are, in the shape in which a set of them is applied. */
import { interpreterOf, JobsError, type JobView, type Schedule } from "@jobs/core";
import type { JobInput } from "./apply-jobs.ts";
import { call, type CallOptions } from "./call.ts";
import type { Connection } from "./connection.ts";
import { inTurns } from "./in-turns.ts";
import { namesOfJobs } from "./job-pages.ts";

export interface ExportOptions extends CallOptions {
  /** These jobs, in this order; left out: all of which something is said, by name. */
  readonly names?: readonly string[] | undefined;
  /** Only jobs that were applied from this set. */
  readonly set?: string | undefined;
}

/** Jobs that `applyJobs` finds unchanged. */
export interface ExportedJobs {
  /** The set of those that were applied from one. */
  readonly set?: string;
  readonly jobs: Readonly<Record<string, JobInput>>;
}

export async function exportJobs(
  connection: Connection,
  { names, set, ...options }: ExportOptions,
): Promise<ExportedJobs> {
  const wanted = names ?? (await namesOfJobs(connection, { appliedFrom: set }, options));
  const views = await inTurns(wanted, (name) => findJob(connection, { name, isNamed: names !== undefined }, options));
  const found = views
    .filter((view) => view !== undefined)
    .filter((view) => set === undefined || view.appliedFrom === set);
  const [first, second] = new Set(found.flatMap(({ appliedFrom }) => appliedFrom ?? []));
  if (first !== undefined && second !== undefined) {
    const message = `The jobs are of several sets, “${first}” and “${second}” among them, and a file is of one: name a set, or the jobs.`;
    throw new JobsError("invalid-request", message, { field: "set" });
  }
  const jobs = Object.fromEntries(found.map((view) => [view.job, inputOf(view)]));
  return first === undefined ? { jobs } : { set: first, jobs };
}

/** Undefined when nothing is said of a job that nobody named. */
async function findJob(
  connection: Connection,
  { name, isNamed }: { readonly name: string; readonly isNamed: boolean },
  options: CallOptions,
): Promise<JobView | undefined> {
  try {
    const view = await call(connection, { operation: "getJob", input: { name } }, options);
    if (view.updatedAt !== undefined) return view;
  } catch (error) {
    // It was deleted since it was listed.
    if (isNamed || !(error instanceof JobsError) || error.code !== "job-unknown") throw error;
  }
  if (!isNamed) return undefined;
  throw new JobsError("job-unknown", `Nothing is said of “${name}”: it has only run.`, { field: "name" });
}

/** What is as it would be anyhow is left out. */
function inputOf({ task, schedules = [], policy }: JobView): JobInput {
  return {
    ...(task === undefined ? {} : { task: taskOf(task) }),
    ...(schedules.length === 0 ? {} : { schedules: schedules.map(({ schedule }) => schedule as Schedule) }),
    ...(Object.keys(policy).length === 0 ? {} : { policy }),
  };
}

function taskOf({ on, script, interpreter, env, parameters }: NonNullable<JobView["task"]>): JobInput["task"] {
  const isUsual = JSON.stringify(interpreter) === JSON.stringify(interpreterOf(script));
  return {
    on,
    ...(isUsual ? {} : { interpreter }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(parameters === undefined ? {} : { parameters }),
    script,
  };
}
