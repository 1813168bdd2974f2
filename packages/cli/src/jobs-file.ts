/** A file of jobs in YAML (JSON is YAML): its text, the scripts beside it, and where in it something stands. */
import { dirname, resolve } from "node:path";
import { JobsError, parseJobsFile, pathText, type FiledJob, type FilePath } from "@jobs/core";
import type { JobInput } from "@jobs/sdk";
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { readScript } from "./content-options.ts";
import type { CliIo } from "./io.ts";

/** A file as it was read. */
export interface ReadJobs {
  readonly set: string | undefined;
  readonly jobs: Readonly<Record<string, JobInput>>;
  /** The same error, with the line that it is about. */
  located(error: JobsError): JobsError;
}

/** Reads a file of jobs; `-`: standard input. Throws the error of the first fault, with its path and line. */
export async function readJobsFile(file: string, io: CliIo): Promise<ReadJobs> {
  const text = await readText(file, io);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) {
    const { line, col } = lines.linePos(fault.pos[0]);
    const what = fault.message.split("\n")[0]?.replace(/ at line \d+, column \d+:$/, "");
    const message = `${nameOf(file)}:${line}:${col}: it is not YAML as it must be: ${what}`;
    throw new JobsError("invalid-request", message, { field: "file", cause: fault });
  }
  const lineAt = (path: FilePath): number | undefined => lineOf(document, lines, path);
  try {
    const { set, jobs } = parseJobsFile(valueOf(document, file));
    const said: [string, JobInput][] = [];
    for (const job of jobs) said.push([job.name, await inputOf(job, { file, io })]);
    const located = (error: JobsError): JobsError => withLines(file, withPaths(error, jobs), lineAt);
    return { set, jobs: Object.fromEntries(said), located };
  } catch (error) {
    throw error instanceof JobsError ? withLines(file, error, lineAt) : error;
  }
}

async function readText(file: string, io: CliIo): Promise<string> {
  try {
    return await readScript(file, io);
  } catch (error) {
    if (!(error instanceof JobsError)) throw error;
    const message = error.message.replace("The script cannot be read", "The file cannot be read");
    throw new JobsError("invalid-request", message, { field: "file", cause: error });
  }
}

/** A few lines of aliases can stand for very much: then it throws. */
function valueOf(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    const message = `${nameOf(file)} cannot be read: ${(cause as Error).message}.`;
    throw new JobsError("invalid-request", message, { field: "file", cause });
  }
}

interface Source {
  readonly file: string;
  readonly io: CliIo;
}

async function inputOf({ task, schedules, policy, path }: FiledJob, source: Source): Promise<JobInput> {
  return {
    ...(task === undefined ? {} : { task: await taskOf(task, path, source) }),
    ...(schedules === undefined ? {} : { schedules }),
    ...(policy === undefined ? {} : { policy }),
  };
}

async function taskOf(
  { script = "", scriptFile, ...said }: NonNullable<FiledJob["task"]>,
  path: FilePath,
  { file, io }: Source,
): Promise<NonNullable<JobInput["task"]>> {
  if (scriptFile === undefined) return { ...said, script };
  const at = resolve(file === "-" ? "." : dirname(file), scriptFile);
  try {
    return { ...said, script: await readScript(at, io) };
  } catch (error) {
    if (!(error instanceof JobsError)) throw error;
    const full = [...path, "task", "scriptFile"];
    const field = pathText(full);
    const message = `${field}: ${error.message}`;
    throw new JobsError(error.code, message, { field, details: { problems: [{ field, message, path: full }] } });
  }
}

interface Problem {
  readonly field?: string;
  readonly message: string;
  readonly path?: FilePath;
  readonly job?: string;
}

/** What the server found: paths from the job on become paths from the file on. */
function withPaths(error: JobsError, jobs: readonly FiledJob[]): JobsError {
  const problems = problemsOf(error).map((problem): Problem => {
    const { path: from } = jobs.find(({ name }) => name === problem.job) ?? { path: [] };
    return { ...problem, path: [...from, ...(problem.path ?? [])] };
  });
  return withProblems(error, problems);
}

function withLines(file: string, error: JobsError, lineAt: (path: FilePath) => number | undefined): JobsError {
  const problems = problemsOf(error).map((problem) => {
    const line = problem.path === undefined ? undefined : lineAt(problem.path);
    return line === undefined ? problem : { ...problem, line, message: `${nameOf(file)}:${line}: ${problem.message}` };
  });
  return withProblems(error, problems);
}

function problemsOf({ details }: JobsError): readonly Problem[] {
  return (details?.["problems"] as readonly Problem[] | undefined) ?? [];
}

function withProblems(error: JobsError, problems: readonly Problem[]): JobsError {
  if (problems.length === 0) return error;
  const { code, field, details, message } = error;
  return new JobsError(code, problems[0]?.message ?? message, {
    ...(field === undefined ? {} : { field }),
    details: { ...details, problems },
    cause: error,
  });
}

/** The line of the deepest part of a path that is there: of its name in a map. */
function lineOf(document: Document, lines: LineCounter, path: FilePath): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = document.getIn(path.slice(0, depth - 1), true);
    const part = path[depth - 1];
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === part)
      : undefined;
    const node = pair === undefined ? document.getIn(path.slice(0, depth), true) : pair.key;
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return undefined;
}

function nameOf(file: string): string {
  return file === "-" ? "Standard input" : file;
}
