import type { Context } from "../context.ts";
import type { Cell } from "../output.ts";
import { sizeText } from "../view-text.ts";
import { getMeantPart } from "./run-hosts.ts";
import { attemptOf } from "./run-logs.ts";

const HEADER = ["SIZE", "SHA-256", "NAME"].map((text): Cell => ({ text, colour: "dim" }));

/** Options of `jobs artifacts`. */
export interface ArtifactOptions {
  readonly attempt?: string;
  readonly host?: string;
}

/** Prints the files that a run left. */
export async function listArtifacts(context: Context, meant: string, options: ArtifactOptions): Promise<void> {
  const { jobs, output, io } = context;
  const { run } = await getMeantPart(context, meant, options);
  const { settled, artifacts } = await jobs.listArtifacts(run, { signal: io.interrupt, attempt: attemptOf(options) });
  if (output.isJson) return output.json({ run, settled, artifacts });
  if (artifacts.length > 0) {
    output.table([
      HEADER,
      ...artifacts.map(({ name, sizeBytes, sha256 }) => [sizeText(sizeBytes), sha256.slice(0, 12), name]),
    ]);
  } else if (settled) output.note("The run left no files.");
  if (!settled) output.note("The run is not settled: files may still come.");
}
