/** A job's task: made of what is saved, and made a run of. */
import {
  checkParameters,
  JobsError,
  parametersFault,
  parametersJsonSchema,
  shownParameters,
  targetInputOf,
  targetKey,
  type JobView,
  type operations,
  type Parameter,
  type TargetInput,
  type Task,
  type TaskInput,
} from "@jobs/core";
import type { z } from "zod";
import { askedOf, digestOfRequest, sha256, sortedEntries, workOf, type AcceptOptions, type Work } from "./accept.ts";
import { readPayload } from "./payload-content.ts";
import { withinTime } from "./within-time.ts";

/** Throws what a submission of it would, and `invalid-request` with the field of a parameter that cannot be. */
export async function taskOf(input: z.output<typeof TaskInput>, options: AcceptOptions): Promise<Task> {
  const { parameters } = input;
  if (parameters === undefined) return taskWith(await workOf(input, options));
  const fault = withinTimeOf(parameters, () => parametersFault(parameters, input.env));
  if (fault !== undefined) throw new JobsError("invalid-request", fault.message, { field: fault.field });
  // For those that are given nothing; what must be given then is asked of each run.
  const optional = parameters.map((one) => ({ ...one, required: false }));
  const defaults = withinTimeOf(parameters, () => checkParameters(optional, {}));
  return taskWith(await workOf({ ...input, given: defaults }, options), parameters);
}

/** The work of one run. Throws `parameters-invalid`, `agent-unknown`, `payload-gone`. */
export async function workOfTask(
  task: Task,
  { on, parameters: given = {} }: { readonly on?: TargetInput | undefined; readonly parameters?: unknown },
  options: AcceptOptions,
): Promise<Work> {
  const { parameters = [], target } = task;
  const values = withinTimeOf(parameters, () => checkParameters(parameters, given));
  const isAsSaved = on === undefined && Object.keys(given as object).length === 0;
  if (isAsSaved)
    return {
      target,
      payload: task.payload,
      ...(task.parameters === undefined ? {} : { parameters: shownParameters(values) }),
    };
  const { script, interpreter, env } = await contentOf(task, options);
  return workOf(
    {
      script,
      interpreter,
      env,
      on: on ?? targetInputOf(target),
      ...(task.parameters === undefined ? {} : { given: values }),
    },
    options,
  );
}

/** SHA-256 of the words in which a run of a task is asked for, whatever the task is. */
export function askedDigestOf(
  { parameters = {}, on, ...input }: z.output<(typeof operations)["runJob"]["input"]>,
  options: Pick<AcceptOptions, "nowMs">,
): string {
  return digestOfRequest([sortedEntries(parameters), on], askedOf(input, options));
}

/** A task as the API shows it. */
export async function taskViewOf(
  task: Task,
  options: Pick<AcceptOptions, "artifacts" | "agents">,
): Promise<NonNullable<JobView["task"]>> {
  const { script, interpreter, env } = await contentOf(task, options);
  const { target, parameters } = task;
  const declared = parameters === undefined ? {} : { parameters, parametersSchema: parametersJsonSchema(parameters) };
  const where =
    target.kind === "agent"
      ? { on: options.agents.findRecord(target.agent)?.name ?? target.name, agent: target.agent }
      : { on: targetInputOf(target) };
  return { ...where, script, interpreter, env, ...declared };
}

/** What the task itself says: the variables that its parameters became are not of its environment. */
async function contentOf(
  { payload, parameters = [] }: Task,
  { artifacts }: Pick<AcceptOptions, "artifacts">,
): Promise<{ script: string; interpreter: string[]; env: Record<string, string> }> {
  try {
    const { script, interpreter, env } = await readPayload(payload, artifacts);
    const own = Object.entries(env).filter(([name]) => !parameters.some((one) => one.name === name));
    return { script, interpreter, env: Object.fromEntries(own) };
  } catch (cause) {
    const message = "What the job's task is to do is not kept any more, or this server cannot read it: save it anew.";
    throw new JobsError("payload-gone", message, { field: "task", cause });
  }
}

function taskWith({ target, payload }: Work, parameters?: readonly Parameter[]): Task {
  const said = [payload.sha256, targetKey(target), ...(parameters === undefined ? [] : [parameters])];
  return {
    target,
    payload,
    ...(parameters === undefined ? {} : { parameters: [...parameters] }),
    digest: sha256(JSON.stringify(said)),
  };
}

/** Only a pattern can take long. */
function withinTimeOf<T>(parameters: readonly Parameter[], act: () => T): T {
  const hasPattern = parameters.some((one) => one.type === "text" && one.pattern !== undefined);
  return hasPattern ? withinTime(act) : act();
}
