import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { defaultCacheDir, startLocal } from "@jobs/local";
import { beforeAll, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");

beforeAll(async () => {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-b", "packages/local"], { cwd: ROOT });
});

/** Runs an example as its README does; rejects when it ends with an error. */
async function runExample(name: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const file = join(import.meta.dirname, name, "index.mjs");
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...argv], { env: { ...process.env, ...env } });
  return stdout.replaceAll("\r\n", "\n");
}

async function makeFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "jobs-examples-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

test("01: the backup tool shows the log and fetches the archive", async () => {
  await using folder = await makeFolder();
  await writeFile(join(folder.path, "precious.txt"), "precious");
  await using data = await makeFolder();
  await using local = await startLocal({
    dataDir: data.path,
    cacheDir: defaultCacheDir(process.env, homedir()),
    env: process.env,
  });
  const archive = join(data.path, "backup.tar.gz");
  const env = { JOBS_URL: local.url, JOBS_TOKEN: local.token };
  const output = await runExample("01-submit-from-a-tool", [local.agentName, folder.path, archive], env);
  expect(output).toMatch(new RegExp(`^packing ${folder.path} on \\S+\npacked \\S+\n`));
  expect(output).toContain("exit code 0");
  expect((await readFile(archive)).subarray(0, 2).toString("hex")).toBe("1f8b");
  const { stdout } = await promisify(execFile)("tar", ["-xzOf", archive, "./precious.txt"]);
  expect(stdout).toBe("precious");
});

test("02: the embedded stack runs a script, stops, and knows the run the next time", async () => {
  await using data = await makeFolder();
  expect(await runExample("02-embed-the-whole-stack", [data.path])).toMatch(/^1\n2\n3\n.* Runs so far: 1\.\n$/);
  expect(await runExample("02-embed-the-whole-stack", [data.path])).toMatch(/^1\n2\n3\n.* Runs so far: 2\.\n$/);
});

test("04: the file is applied once, its jobs run, and it is found unchanged", async () => {
  await using data = await makeFolder();
  await using folder = await makeFolder();
  await writeFile(join(folder.path, "precious.txt"), "precious");
  await using local = await startLocal({
    dataDir: data.path,
    cacheDir: defaultCacheDir(process.env, homedir()),
    env: process.env,
  });
  const env = { ...process.env, JOBS_URL: local.url, JOBS_TOKEN: local.token };
  const jobs = async (...args: string[]): Promise<string> => {
    const program = join(ROOT, "packages/cli/dist/bundle/jobs.mjs");
    return (await promisify(execFile)(process.execPath, [program, ...args], { env })).stdout;
  };
  const file = join(import.meta.dirname, "04-jobs-in-a-file/jobs.yaml");
  expect(await jobs("apply", "-f", file, "--dry-run")).toContain("2 added");
  expect(await jobs("apply", "-f", file)).toContain("2 added");
  expect(await jobs("apply", "-f", file, "--prune")).toContain("0 added, 0 changed, 2 unchanged, 0 pruned.");
  const printed = await jobs("run", "nightly backup", "-P", `FOLDER=${folder.path}`, "--follow");
  expect(printed).toContain(`packed ${folder.path}; the last 7 are kept`);
  expect(await jobs("run", "disk space", "--follow").catch((error: { stdout: string }) => error.stdout)).toContain(
    "% of /",
  );
  const exported = join(data.path, "exported.yaml");
  await jobs("export", "--set", "example", "-o", exported);
  expect(await jobs("apply", "-f", exported)).toContain("2 unchanged");
});
