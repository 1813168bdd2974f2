/** A run as a submission again: as it was, or changed. */
import { JobsError, policyOf, targetInputOf, type PayloadContent, type Run, type SubmitInput } from "@jobs/core";
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
export type Changes = { readonly [K in Exclude<keyof Input, "name">]?: Input[K] | undefined };

/** Throws `payload-gone` when what the run was to do is not kept any more, `invalid-request` when the environment names one of its parameters. */
export async function repeat(run: Run, changes: Changes, { artifacts, jobs }: RepeatOptions): Promise<Repeated> {
  const { script, interpreter, env: all, parameters } = await contentOf(run, artifacts);
  const declared = jobs.findDefinition(run.job)?.task?.parameters?.map(({ name }) => name) ?? [];
  const names = parameters === undefined ? [] : [...Object.keys(parameters), ...declared];
  const named = names.find((name) => Object.hasOwn(changes.env ?? {}, name));
  if (named !== undefined) throw isParameter(run, named);
  const env = Object.fromEntries(Object.entries(all).filter(([name]) => !Object.hasOwn(parameters ?? {}, name)));
  // Another script brings its own interpreter along.
  const asItWas = changes.script === undefined ? { script, interpreter } : {};
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const where = changes.on === undefined ? { on: targetInputOf(run.target), ...onlyOf(run) } : {};
  const before = { ...asItWas, env, ...where, ...policyOf(run) };
  return { ...before, ...given, name: run.job, ...(parameters === undefined ? {} : { given: parameters }) } as Repeated;
}

function isParameter({ run, job }: Run, name: string): JobsError {
  const message = `${name} is a parameter of run ${run}, which stays as it was: for another value run the task of “${job}” (\`jobs run\`).`;
  return new JobsError("invalid-request", message, { field: `env.${name}` });
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
