import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
/**
 * The file in which a person's connection is kept, so that `jobs` needs no variables: `$JOBS_CONFIG`, else
 * `$XDG_CONFIG_HOME/jobs/config.json`, else `~/.config/jobs/config.json`, readable by its owner alone:
 *
 *   { "url": "http://127.0.0.1:7000", "token": "…" }
 */
import { JobsError } from "@jobs/core";
import { z } from "zod";

const SavedConnection = z.looseObject({ url: z.string().min(1), token: z.string().min(1) });
/** The content of the file; unknown fields are kept. */
export type SavedConnection = z.infer<typeof SavedConnection>;

/** Where the file is, for this environment. */
export function connectionFilePath(env: Readonly<Record<string, string | undefined>>): string {
  const given = env["JOBS_CONFIG"];
  if (given !== undefined && given !== "") return given;
  const home = env["HOME"] ?? homedir();
  // The XDG rules: a path that is not absolute counts as none.
  const base = env["XDG_CONFIG_HOME"]?.startsWith("/") ? env["XDG_CONFIG_HOME"] : join(home, ".config");
  return join(base, "jobs", "config.json");
}

/** The connection of a file; undefined when there is no file. Throws `config-invalid` when it has something else. */
export async function findConnection(path: string): Promise<SavedConnection | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new JobsError("config-invalid", `${path} cannot be read: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  try {
    return SavedConnection.parse(JSON.parse(text));
  } catch (cause) {
    const message = `${path} does not have the form {"url": "…", "token": "…"}: correct or remove it.`;
    throw new JobsError("config-invalid", message, { cause });
  }
}

/** Writes the file, and its folder when there is none; whoever reads at the same time sees the old or the new one. */
export async function writeConnection(path: string, connection: SavedConnection): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${randomUUID()}.part`;
  await writeFile(partial, `${JSON.stringify(connection, undefined, 2)}\n`, { mode: 0o600 });
  await rename(partial, path);
}
