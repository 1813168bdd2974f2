/** A run as a submission again: as it was, or changed. */
import { JobsError, PayloadContent, PolicySettings, type Run, type SubmitInput } from "@jobs/core";
import { payloadKey, type ArtifactStore } from "@jobs/core/artifacts";
import type { z } from "zod";

type Input = z.output<typeof SubmitInput>;

/** What may be changed; what is left out is as it was. */
export type Changes = { readonly [K in Exclude<keyof Input, "name">]?: Input[K] | undefined };

/** Throws `payload-gone` when what the run was to do is not kept any more. */
export async function repeat(run: Run, changes: Changes, artifacts: ArtifactStore): Promise<Input> {
  const { script, interpreter, env } = await contentOf(run, artifacts);
  // Another script brings its own interpreter along.
  const asItWas = changes.script === undefined ? { script, interpreter } : {};
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const before = { ...asItWas, env, on: run.target.agent, ...PolicySettings.parse(run) };
  return { ...before, ...given, name: run.job } as Input;
}

async function contentOf({ run, payload }: Run, artifacts: ArtifactStore): Promise<PayloadContent> {
  try {
    return PayloadContent.parse(
      JSON.parse(payload.body ?? (await textOf(await artifacts.get(payloadKey(payload.sha256))))),
    );
  } catch (cause) {
    const message = `What run ${run} was to do is not kept any more, or this server cannot read it: submit it anew.`;
    throw new JobsError("payload-gone", message, { field: "run", cause });
  }
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString("utf8");
}
