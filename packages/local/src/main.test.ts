import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect } from "@jobs/sdk";
import { findConnection } from "@jobs/sdk/node";
import { beforeAll, expect, test, vi } from "vitest";
import { startLocal } from "./local.ts";
import { DataFolder, localOptions } from "./testing/data-folder.ts";

const ROOT = join(import.meta.dirname, "../../..");
const MAIN = join(ROOT, "packages/local/dist/main.js");

// Each starts whole stacks, one after the other: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 90_000 });

beforeAll(async () => {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await promisify(execFile)(process.execPath, [tsc, "-b", "packages/local"], { cwd: ROOT });
});

/** `npm start` without npm: the process, and what it has printed. */
function startMain(folder: DataFolder, ...argv: string[]) {
  const child = spawn(process.execPath, [MAIN, "--data", folder.path, "--port", "0", ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const add = (part: Buffer): void => void (output += part.toString());
  child.stdout.on("data", add);
  child.stderr.on("data", add);
  const exited = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  const printed = async (text: string): Promise<void> => {
    while (!output.includes(text)) {
      await Promise.race([once(child.stdout, "data"), exited.then(() => Promise.reject(new Error(output)))]);
    }
  };
  return { child, exited, printed, output: () => output };
}

async function connectTo(folder: DataFolder) {
  const connection = await findConnection(join(folder.path, "connection.json"));
  if (connection === undefined) throw new Error("there is no connection file");
  return connect(connection);
}

test("--once starts the stack, runs the first job, fetches its file, stops all, and exits as the job does", async () => {
  await using folder = await DataFolder.make();
  const { exited, output } = startMain(folder, "--once");
  expect(await exited).toEqual([0, null]);
  for (const text of [
    "nats-server  ",
    "data         ",
    "server       http://127.0.0.1:",
    "primes below 40000",
    "completed",
  ]) {
    expect(output()).toContain(text);
  }
  expect(output()).not.toContain("\u001B");
  expect(output()).not.toContain("another program"); // any port was asked for
  expect(await readFile(join(folder.path, "first-job/report.txt"), "utf8")).toContain("Primes below 40000: 4203\n");
  await expect.poll(() => folder.pids()).toEqual([]);
});

test("Ctrl-C ends it with 0 and leaves nothing running; the next start names the earlier run", async () => {
  await using folder = await DataFolder.make();
  const first = startMain(folder);
  await first.printed("Ctrl-C");
  const jobs = await connectTo(folder);
  const sleeper = await jobs.submitJob({ name: "sleeper", script: "echo up; sleep 1000", on: "local" });
  await sleeper.logs().next();
  first.child.kill("SIGINT");
  first.child.kill("SIGINT");
  expect(await first.exited).toEqual([0, null]);
  await expect.poll(() => folder.pids()).toEqual([]);

  const second = startMain(folder);
  await second.printed("Ctrl-C");
  expect(second.output()).toContain("2 runs; the last: sleeper, failed");
  expect(second.output()).not.toContain("First job:");
  second.child.kill("SIGTERM");
  expect(await second.exited).toEqual([0, null]);
  await expect.poll(() => folder.pids()).toEqual([]);
});

test("after kill -9 the next start knows the earlier runs, and the script that ran on is followed to its end", async () => {
  await using folder = await DataFolder.make();
  const killed = startMain(folder);
  await killed.printed("Ctrl-C");
  const jobs = await connectTo(folder);
  const goOn = join(folder.path, "go-on");
  const script = `echo before; until [ -e '${goOn}' ]; do sleep 0.05; done; echo after`;
  const run = await jobs.submitJob({ name: "survivor", script, on: "local" });
  await run.logs().next();
  killed.child.kill("SIGKILL");
  await killed.exited;

  await using local = await startLocal(localOptions(folder.path, process.env));
  const again = connect({ url: local.url, token: local.token });
  await writeFile(goOn, "");
  const survivor = await again.run(run.id);
  let text = "";
  for await (const chunk of survivor.logs()) text += chunk.text;
  expect(text).toBe("before\r\nafter\r\n");
  expect(await survivor.result()).toMatchObject({ state: "completed", exitCode: 0 });
  expect((await again.listRuns({ job: "first-job" }))[0]).toMatchObject({ state: "completed" });
  await local.stop();
  await expect.poll(() => folder.pids()).toEqual([]);
});

test("where its log cannot be written, on a full disk, it goes on without", async () => {
  await using folder = await DataFolder.make();
  await symlink("/dev/full", join(folder.path, "jobs.log"));
  vi.stubEnv("JOBS_LOG_LEVEL", "info");
  const { exited } = startMain(folder, "--once");
  vi.unstubAllEnvs();
  expect(await exited).toEqual([0, null]);
  await expect.poll(() => folder.pids()).toEqual([]);
});

test("a wrong option ends with 64 and says where help is", async () => {
  await using folder = await DataFolder.make();
  const { exited, output } = startMain(folder, "--twice");
  expect(await exited).toEqual([64, null]);
  expect(output()).toContain("npm start -- --help");
});
