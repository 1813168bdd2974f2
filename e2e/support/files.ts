/** A folder of a test with files, in which commands are run as people run them. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startCli, type CliOutcome } from "./cli.ts";
import { freshName, TOKEN, type Stack } from "./stack.ts";

/** `apply` is of its `jobs.yaml`. */
export async function folderWith(stack: Stack, files: Readonly<Record<string, string>>) {
  const path = join(stack.directory, freshName("files"));
  await mkdir(path);
  const write = (name: string, text: string): Promise<void> => writeFile(join(path, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const env = { JOBS_URL: stack.servers[0]?.url ?? "", JOBS_TOKEN: TOKEN };
  const jobs = (args: readonly string[], input?: string): Promise<CliOutcome> =>
    startCli(args, { env, cwd: path, ...(input === undefined ? {} : { input }) }).outcome;
  return { path, write, jobs, apply: (...args: string[]) => jobs(["apply", "-f", "jobs.yaml", ...args]) };
}

/** How much was changed by now. */
export async function auditEntries({ client }: Stack): Promise<number> {
  return (await client.listAudit(500)).length;
}
