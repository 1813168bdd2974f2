/** A run as a submission again: as it was, or changed. */
import {
  JobsError,
  policyOf,
  targetInputOf,
  type OperationInput,
  type PayloadContent,
  type Run,
  type SubmitInput,
} from "@jobs/core";
import type { ArtifactStore } from "@jobs/core/artifacts";
import type { z } from "zod";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { WorkInput } from "./accept.ts";
import { readPayload } from "./payload-content.ts";

type Input = z.output<typeof SubmitInput>;

/** With what the run was given, which stays as it was; and of all hosts that match those that it was for. */
type Repeated = Input & Pick<WorkInput, "given" | "only">;

interface RepeatOptions {
  readonly artifacts: ArtifactStore;
  readonly jobs: Pick<JobsProjection, "findDefinition">;
}

/** What may be changed; what is left out is as it was. */
export type Changes = { readonly [K in Exclude<keyof Input, "name">]?: Input[K] | undefined } & Limits;

/** Of a run on all hosts that match. */
type Limits = Pick<OperationInput<"rerunRun">, "atOnce" | "maxFailed">;

/**
 * Throws `payload-gone` when what the run was to do is not kept any more, `invalid-request` when the environment names one of
 * its parameters, or limits are given that it cannot have.
 */
export async function repeat(
  run: Run,
  { atOnce, maxFailed, ...changes }: Changes,
  { artifacts, jobs }: RepeatOptions,
): Promise<Repeated> {
  const { script, interpreter, env: all, parameters } = await contentOf(run, artifacts);
  const declared = jobs.findDefinition(run.job)?.task?.parameters?.map(({ name }) => name) ?? [];
  const names = parameters === undefined ? [] : [...Object.keys(parameters), ...declared];
  const named = names.find((name) => Object.hasOwn(changes.env ?? {}, name));
  if (named !== undefined) throw isParameter(run, named);
  const env = Object.fromEntries(Object.entries(all).filter(([name]) => !Object.hasOwn(parameters ?? {}, name)));
  // Another script brings its own interpreter along.
  const asItWas = changes.script === undefined ? { script, interpreter } : {};
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const where = whereOf(run, changes, { atOnce, maxFailed });
  const before = { ...asItWas, env, ...where, ...policyOf(run) };
  return { ...before, ...given, name: run.job, ...(parameters === undefined ? {} : { given: parameters }) } as Repeated;
}

function isParameter({ run, job }: Run, name: string): JobsError {
  const message = `${name} is a parameter of run ${run}, which stays as it was: for another value run the task of “${job}” (\`jobs run\`).`;
  return new JobsError("invalid-request", message, { field: `env.${name}` });
}

/** The hosts that it was for, with other limits; nothing where it is to go elsewhere. */
function whereOf(run: Run, { on }: Pick<Changes, "on">, limits: Limits): Pick<WorkInput, "on" | "only"> {
  const others = Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
  const [field] = Object.keys(others);
  const before = targetInputOf(run.target);
  if (field === undefined) return on === undefined ? { on: before, ...onlyOf(run) } : {};
  if (on === undefined && typeof before === "object" && "all" in before)
    return { on: { ...before, ...others }, ...onlyOf(run) };
  const message =
    on === undefined ? `Run ${run.run} is not for all hosts that match.` : `Say it in \`on\`, beside \`all\`.`;
  throw new JobsError("invalid-request", message, { field });
}

/** Before it begins its target names them, then what is frozen of it. */
function onlyOf({ target, fanOut }: Run): Pick<WorkInput, "only"> {
  const asked = target.kind === "all" ? target.only : undefined;
  const only = fanOut?.isNarrowed === true ? fanOut.agents : asked;
  return only === undefined ? {} : { only };
}

async function contentOf({ run, payload }: Run, artifacts: ArtifactStore): Promise<PayloadContent> {
  try {
    return await readPayload(payload, artifacts);
  } catch (cause) {
    const message = `What run ${run} was to do is not kept any more, or this server cannot read it: submit it anew.`;
    throw new JobsError("payload-gone", message, { field: "run", cause });
  }
}
