/**
 * A set of jobs as a file says them: by name, each as `saveJob` takes it; a script may be in a file of its own. What is
 * wrong is said with the path that leads to it, e.g. `jobs.nightly.schedules[0].cron`.
 */
import { z } from "zod";
import { JobName } from "../domain/job-name.ts";
import { SetName } from "../domain/set-name.ts";
import { wordsOf } from "../domain/words.ts";
import { JobsError } from "../errors.ts";
import { jobOperations } from "./job-operations.ts";
import { TaskInput } from "./submit-input.ts";

const { policy, schedules } = jobOperations.saveJob.input.shape;

const TaskInFile = z
  .strictObject({
    ...TaskInput.shape,
    script: TaskInput.shape.script.optional(),
    /** Where the script is, relative to the file. */
    scriptFile: z.string().min(1).optional(),
  })
  .refine(
    ({ script, scriptFile }) => (script === undefined) !== (scriptFile === undefined),
    "A task has either script or scriptFile.",
  );

/** All that is said of a job: what is left out is not said of it any more. */
const JobInFile = z.strictObject({ task: TaskInFile.optional(), schedules, policy });
const JobInList = JobInFile.extend({ name: z.string() });
const Frame = z.strictObject({
  set: SetName.optional(),
  jobs: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())], {
    error: "it is a map of jobs by name, or a list of jobs.",
  }),
});

/** A path into the file. */
export type FilePath = readonly (string | number)[];

/** A job as the file says it, and where. */
export interface FiledJob extends z.output<typeof JobInFile> {
  readonly name: string;
  readonly path: FilePath;
}

export interface JobsFile {
  readonly set?: string;
  readonly jobs: readonly FiledJob[];
}

/** What is wrong with a part of the file. */
interface Fault {
  readonly path: FilePath;
  readonly message: string;
}

/**
 * Reads the value that the text of a file stands for. Throws `invalid-request` whose field is the path of the first fault;
 * `details.problems` has all of them, each with its `field`, `message` and `path`.
 */
export function parseJobsFile(value: unknown): JobsFile {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw errorOf([
      { path: ["jobs"], message: "there are none: a file is a map, with its jobs by name under “jobs”." },
    ]);
  const frame = Frame.safeParse(value, { error: wordsOf });
  if (!frame.success) throw errorOf(frame.error.issues.flatMap((issue) => faultsOf(issue, [])));
  const faults: Fault[] = [];
  // As they were given: zod leaves out what is called __proto__.
  const jobs = entriesOf((value as z.output<typeof Frame>).jobs).flatMap(({ path, schema, given }): FiledJob[] => {
    const parsed = schema.safeParse(given, { error: wordsOf });
    if (!parsed.success) faults.push(...parsed.error.issues.flatMap((issue) => faultsOf(issue, path)));
    const name = JobName.safeParse(
      "name" in (parsed.data ?? {}) ? (parsed.data as { name: string }).name : path.at(-1),
    );
    if (!parsed.success) return [];
    if (!name.success) faults.push(...name.error.issues.map(({ message }) => ({ path, message })));
    return name.success ? [{ ...parsed.data, name: name.data, path }] : [];
  });
  for (const [index, { name, path }] of jobs.entries())
    if (jobs.findIndex((other) => other.name === name) !== index)
      faults.push({ path, message: `two jobs have the name “${name}”.` });
  if (faults.length > 0) throw errorOf(faults);
  return { ...(frame.data.set === undefined ? {} : { set: frame.data.set }), jobs };
}

/** A path for people: `jobs.nightly.schedules[0].cron`. */
export function pathText(path: FilePath): string {
  return path.map((part, at) => (typeof part === "number" ? `[${part}]` : at === 0 ? part : `.${part}`)).join("");
}

interface Entry {
  readonly path: FilePath;
  readonly schema: typeof JobInFile | typeof JobInList;
  readonly given: unknown;
}

function entriesOf(jobs: z.output<typeof Frame>["jobs"]): readonly Entry[] {
  if (Array.isArray(jobs)) return jobs.map((given, index) => ({ path: ["jobs", index], schema: JobInList, given }));
  return Object.entries(jobs).map(([name, given]) => ({ path: ["jobs", name], schema: JobInFile, given }));
}

function faultsOf(issue: z.core.$ZodIssue, below: FilePath): readonly Fault[] {
  const path = [...below, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))];
  if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message }];
  return issue.keys.map((key) => ({ path: [...path, key], message: "there is no such field." }));
}

function errorOf(faults: readonly Fault[]): JobsError {
  const problems = faults.map(({ path, message }) => {
    const field = pathText(path);
    return { field, message: `${field}: ${message}`, path };
  });
  const [first] = problems;
  return new JobsError("invalid-request", first?.message ?? "The file is not right.", {
    ...(first === undefined ? {} : { field: first.field }),
    details: { problems },
  });
}
