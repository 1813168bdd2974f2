/** A run as a submission again: as it was, or changed. */
import {
  JobsError,
  PolicySettings,
  targetInputOf,
  type ParameterValues,
  type PayloadContent,
  type Run,
  type SubmitInput,
} from "@jobs/core";
import type { ArtifactStore } from "@jobs/core/artifacts";
import type { z } from "zod";
import { readPayload } from "./payload-content.ts";

type Input = z.output<typeof SubmitInput>;

/** With what the run was given: that stays as it was. */
type Repeated = Input & { readonly given?: ParameterValues };

/** What may be changed; what is left out is as it was. */
export type Changes = { readonly [K in Exclude<keyof Input, "name">]?: Input[K] | undefined };

/** Throws `payload-gone` when what the run was to do is not kept any more. */
export async function repeat(run: Run, changes: Changes, artifacts: ArtifactStore): Promise<Repeated> {
  const { script, interpreter, env: all, parameters } = await contentOf(run, artifacts);
  const env = Object.fromEntries(Object.entries(all).filter(([name]) => !Object.hasOwn(parameters ?? {}, name)));
  // Another script brings its own interpreter along.
  const asItWas = changes.script === undefined ? { script, interpreter } : {};
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const before = { ...asItWas, env, on: targetInputOf(run.target), ...PolicySettings.parse(run) };
  return { ...before, ...given, name: run.job, ...(parameters === undefined ? {} : { given: parameters }) } as Repeated;
}

async function contentOf({ run, payload }: Run, artifacts: ArtifactStore): Promise<PayloadContent> {
  try {
    return await readPayload(payload, artifacts);
  } catch (cause) {
    const message = `What run ${run} was to do is not kept any more, or this server cannot read it: submit it anew.`;
    throw new JobsError("payload-gone", message, { field: "run", cause });
  }
}
