import { access, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { JobsError } from "@jobs/core";
import type { RunArtifact } from "@jobs/sdk";
import type { Context } from "../context.ts";
import type { ArtifactOptions } from "./artifact-list.ts";
import { getMeantPart } from "./run-hosts.ts";
import { attemptOf } from "./run-logs.ts";

/** Options of `jobs artifacts get`. */
export interface GetOptions extends ArtifactOptions {
  /** The folder to write to; `-` for standard output. */
  readonly output: string;
  readonly force?: boolean;
}

/** What leads elsewhere: on Windows a backslash parts folders, everywhere else it is a character of a name. */
const FORBIDDEN = process.platform === "win32" ? /[\\\0]/ : /\0/;

/** The run, and the file of it; no name: all files. */
interface Wish {
  readonly run: string;
  readonly name: string | undefined;
}

/** Fetches files that a run left, checked against size and hash. */
export async function getArtifacts(context: Context, wish: Wish, options: GetOptions): Promise<void> {
  const { jobs, output, io } = context;
  const { name } = wish;
  const signal = io.interrupt;
  const run = await jobs.run((await getMeantPart(context, wish.run, options)).run, { signal });
  if (run.view.times.settledAt === undefined)
    output.note(`jobs: ${run.view.sentence} Its files come when it is settled; waiting …`);
  const all = await run.artifacts({ signal, attempt: attemptOf(options) });
  const wanted = name === undefined ? all : all.filter((artifact) => artifact.name === name);
  if (name !== undefined && wanted.length === 0) {
    const known = all.length === 0 ? "It left none." : `It left: ${all.map((artifact) => artifact.name).join(", ")}.`;
    throw new JobsError("artifact-unknown", `The run left no file "${name}". ${known}`, { field: "name" });
  }
  if (options.output === "-") return await printArtifact(context, wanted);
  const files = wanted.map((artifact) => ({ artifact, path: pathOf(options.output, artifact.name) }));
  if (options.force !== true) await refuseExisting(files.map(({ path }) => path));
  for (const { artifact, path } of files) {
    await mkdir(dirname(path), { recursive: true });
    await artifact.toFile(path, { signal });
    if (!output.isJson) output.line(path);
  }
  if (output.isJson) {
    output.json({
      run: run.id,
      artifacts: files.map(({ path, artifact: { name: of, sizeBytes, sha256 } }) => ({
        name: of,
        sizeBytes,
        sha256,
        path,
      })),
    });
  }
}

async function printArtifact({ output, io }: Context, wanted: readonly RunArtifact[]): Promise<void> {
  const [artifact, more] = wanted;
  if (artifact === undefined || more !== undefined) {
    throw new JobsError("invalid-request", "Only one file can go to standard output: give its NAME.", {
      field: "name",
    });
  }
  const content = await artifact.open({ signal: io.interrupt });
  for await (const bytes of content as unknown as AsyncIterable<Uint8Array>) await output.bytes(bytes);
}

/** The path for a file below a folder; its name comes from another host and must not lead out of it. */
function pathOf(folder: string, name: string): string {
  const parts = name.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".." || FORBIDDEN.test(part))) {
    throw new JobsError("invalid-request", `The name "${name}" leads out of the folder: fetch it with -o - instead.`, {
      field: "name",
    });
  }
  return join(folder, ...parts);
}

async function refuseExisting(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (exists)
      throw new JobsError("invalid-request", `${path} exists: --force replaces it, -o DIR writes elsewhere.`, {
        field: "output",
      });
  }
}
