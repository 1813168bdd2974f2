import { writeFile } from "node:fs/promises";
import { JobsError } from "@jobs/core";
import type { Context } from "../context.ts";
import { jobsFileText } from "../jobs-file-text.ts";

/** Options of `jobs export`. */
export interface ExportOptions {
  readonly set?: string;
  readonly output?: string;
}

/** Prints jobs as a file that `jobs apply` reads and finds unchanged. */
export async function exportJobs(
  { jobs: client, output, io }: Context,
  names: readonly string[],
  { set, output: file }: ExportOptions,
): Promise<void> {
  const all = names.length === 0 ? {} : { names };
  const exported = await client.exportJobs({ ...all, set, signal: io.interrupt });
  const text = output.isJson ? `${JSON.stringify(exported)}\n` : jobsFileText(exported);
  if (file === undefined || file === "-") return output.bytes(Buffer.from(text));
  try {
    await writeFile(file, text);
  } catch (cause) {
    const message = `The jobs cannot be written: ${(cause as Error).message}.`;
    throw new JobsError("invalid-request", message, { field: "output", cause });
  }
  const count = Object.keys(exported.jobs).length;
  output.note(count === 1 ? `1 job is in ${file}.` : `${count} jobs are in ${file}.`);
}
