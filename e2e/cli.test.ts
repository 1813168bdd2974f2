/** The command line as it is built, in a process of its own, against a whole system. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RunView, StoredLog } from "@jobs/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCli, type CliOptions, type CliOutcome, type RunningCli } from "./support/cli.ts";
import { counting, expectGapless } from "./support/counting-run.ts";
import { freshName, startStack, TOKEN, type Stack } from "./support/stack.ts";

let stack: Stack;
let options: CliOptions;
beforeAll(async () => {
  stack = await startStack();
  const cwd = join(stack.directory, "home");
  await mkdir(cwd);
  options = { cwd, env: { HOME: cwd, JOBS_URL: stack.servers[0]?.url ?? "", JOBS_TOKEN: TOKEN } };
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

function start(...args: string[]): RunningCli {
  return startCli(args, options);
}

/** Runs one command to its end. */
async function jobs(...args: string[]): Promise<CliOutcome> {
  return await start(...args).outcome;
}

test.each([
  ["0", "exit 0", 0],
  ["3", "exit 3", 3],
  ["128 + 9", "kill -9 $$", 137],
])("submit FILE --follow prints the log and ends with %s, as the script does", async (_, end, exitCode) => {
  const name = freshName("script");
  await writeFile(join(options.cwd, name), `echo one\necho two >&2\n${end}\n`);
  const outcome = await jobs("submit", name, "--follow");
  expect(outcome).toMatchObject({ exitCode, stdout: "one\r\ntwo\r\n" });
  const [run] = await stack.client.listRuns({ job: name });
  expect(outcome.stderr).toContain(`Run ${run?.run} of ${name}.`);
  expect(outcome.stderr).toContain(run?.sentence);
});

test("submit takes a script from standard input, or on the command line, and prints the id of its run", async () => {
  const name = freshName();
  const piped = await startCli(["submit", "-", "--name", name, "--follow"], { ...options, input: "echo piped; exit 4" })
    .outcome;
  expect(piped).toMatchObject({ exitCode: 4, stdout: "piped\r\n" });
  const given = await jobs("submit", "-c", "echo $GREETING", "-n", name, "--on", "alpha", "-e", "GREETING=hi");
  expect(given.exitCode).toBe(0);
  const run = await stack.client.run(given.stdout.trim());
  expect(await run.result()).toMatchObject({ job: name, state: "completed" });
  expect(await jobs("logs", run.id)).toMatchObject({ exitCode: 0, stdout: "hi\r\n" });
});

test("submit --follow --json prints one document a line: the run, its log, the log's end", async () => {
  const script = "echo one; echo two; exit 5";
  const { exitCode, stdout, stderr } = await jobs("--json", "submit", "-n", freshName(), "-f", "-c", script);
  expect({ exitCode, stderr }).toEqual({ exitCode: 5, stderr: "" });
  const documents = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; run?: unknown; offset?: number; text?: string });
  expect(new Set(documents.map(({ type }) => type))).toEqual(new Set(["run", "log", "log-end"]));
  const views = documents.flatMap((one) => (one.type === "run" ? [RunView.parse(one.run)] : []));
  expect(views.at(-1)).toMatchObject({ state: "failed", exitCode: 5 });
  const chunks = documents.filter(({ type }) => type === "log");
  expect(chunks[0]?.offset).toBe(0);
  expect(chunks.map(({ text }) => text).join("")).toBe("one\r\ntwo\r\n");
  const end = documents.find(({ type }) => type === "log-end");
  expect(StoredLog.parse(end)).toMatchObject({ complete: true, lengthBytes: 10 });
});

test("a live run: status, list, logs without and with -f, a second submission, cancel", async () => {
  const name = freshName();
  const { stdout } = await jobs("submit", "-n", name, "-c", "echo first; echo second; while :; do sleep 0.1; done");
  const id = stdout.trim();
  await using following = start("logs", "-f", name);
  await following.lines(2);
  const status = await jobs("status", name);
  expect(status.exitCode).toBe(0);
  expect(status.stdout).toMatch(/^Running on alpha\.\n/);
  expect(status.stdout).toContain(id);
  expect(RunView.parse(JSON.parse((await jobs("status", id, "--json")).stdout))).toMatchObject({ state: "running" });
  const listed = JSON.parse((await jobs("list", "--json", "--job", name)).stdout) as { runs: unknown[] };
  expect(listed.runs.map((one) => RunView.parse(one))).toMatchObject([{ run: id, job: name, state: "running" }]);
  expect((await jobs("list", "--state", "running")).stdout).toContain(id);
  const sofar = await jobs("logs", id);
  expect(sofar).toMatchObject({ exitCode: 0, stdout: "first\r\nsecond\r\n" });
  expect(sofar.stderr).toContain(`jobs logs -f ${id}`);
  const second = await jobs("submit", "-n", name, "-c", "echo never");
  expect(second).toMatchObject({ exitCode: 75, stdout: "" });
  expect(second.stderr).toContain("(job-busy)");
  expect(second.stderr).toContain(id);
  const cancelled = await jobs("cancel", name);
  expect(cancelled.exitCode).toBe(0);
  expect(cancelled.stdout).toContain("tester");
  const followed = await following.outcome;
  expect(followed).toMatchObject({ exitCode: 0, stdout: "first\r\nsecond\r\n" });
  expect(followed.stderr).toContain("Cancelled by tester");
  expect((await jobs("status", id)).stdout).toContain("Cancelled by tester");
});

test("submit --follow of a run that is cancelled ends with 110", async () => {
  const name = freshName();
  await using following = start("submit", "-n", name, "-f", "-c", "echo ready; while :; do sleep 0.1; done");
  await following.lines(1);
  expect(await jobs("cancel", name)).toMatchObject({ exitCode: 0 });
  expect(await following.outcome).toMatchObject({ exitCode: 110, stdout: "ready\r\n" });
});

test("artifacts are listed and fetched to files, one to standard output, and none is replaced unasked", async () => {
  const name = freshName();
  const script = 'cd "$JOBS_OUTPUT"; mkdir sub; echo kept > note.txt; printf deep > "sub/ünï file"';
  await jobs("submit", "-n", name, "-f", "-c", script);
  const folder = join(options.cwd, "fetched");
  const one = await jobs("artifacts", "get", name, "note.txt", "-o", folder);
  expect(one).toMatchObject({ exitCode: 0, stdout: `${join(folder, "note.txt")}\n` });
  expect(await readFile(join(folder, "note.txt"), "utf8")).toBe("kept\n");
  const again = await jobs("artifacts", "get", name, "-o", folder);
  expect(again).toMatchObject({ exitCode: 64, stdout: "" });
  expect(await jobs("artifacts", "get", name, "-o", folder, "--force")).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(folder, "sub", "ünï file"), "utf8")).toBe("deep");
  expect(await jobs("artifacts", "get", name, "note.txt", "-o", "-")).toMatchObject({ exitCode: 0, stdout: "kept\n" });
  const listed = JSON.parse((await jobs("artifacts", name, "--json")).stdout) as object;
  expect(listed).toMatchObject({ settled: true, artifacts: [{ name: "note.txt" }, { name: "sub/ünï file" }] });
  const missing = await jobs("artifacts", "get", name, "nothing.txt", "-o", folder);
  expect(missing).toMatchObject({ exitCode: 66, stdout: "" });
  expect(missing.stderr).toContain("(artifact-unknown)");
});

test("agents are listed for people and for programs", async () => {
  const people = await jobs("agents");
  expect(people.exitCode).toBe(0);
  expect(people.stdout).toContain("alpha");
  const programs = JSON.parse((await jobs("agents", "--json")).stdout) as object;
  expect(programs).toMatchObject({ agents: [{ id: "alpha", inContact: true }] });
});

test("what goes wrong has its code on stderr, and an exit code of its own", async () => {
  const wrong = { ...options, env: { ...options.env, JOBS_TOKEN: "wrong" } };
  const refused = await startCli(["list"], wrong).outcome;
  expect(refused).toMatchObject({ exitCode: 77, stdout: "" });
  expect(refused.stderr).toContain("(unauthenticated)");
  const forPrograms = await startCli(["--json", "submit", "-n", "n", "-f", "-c", "echo"], wrong).outcome;
  expect(forPrograms).toMatchObject({ exitCode: 77, stdout: "" });
  expect(JSON.parse(forPrograms.stderr)).toMatchObject({ error: { code: "unauthenticated" } });
  expect(await jobs("status", freshName())).toMatchObject({ exitCode: 66 });
  expect(await jobs("submit", "-n", "n", "-c", "if true; then")).toMatchObject({ exitCode: 65 });
  expect(await jobs("submit", "-n", "n")).toMatchObject({ exitCode: 64 });
  expect(await jobs("sbumit")).toMatchObject({ exitCode: 64 });
});

test("Ctrl-C while following leaves the run alone; the command that it prints gives the rest without a gap", async () => {
  const until = join(stack.directory, "end");
  await using following = start("submit", "-n", freshName(), "--follow", "-c", counting(until));
  await following.lines(20);
  following.signal("SIGINT");
  const first = await following.outcome;
  expect(first.exitCode).toBe(130);
  const [, command = "", id = "", from] = /(jobs logs -f (\S+) --from (\d+))/.exec(first.stderr) ?? [];
  expect(Number(from)).toBe(first.stdout.length);
  expect(first.stderr).toContain(`jobs cancel ${id}`);
  expect(await stack.client.getRun(id)).toMatchObject({ state: "running" });
  await using back = start(...command.split(" ").slice(1));
  await back.lines(20);
  expect(await stack.client.getRun(id)).toMatchObject({ state: "running" });
  await writeFile(until, "");
  const rest = await back.outcome;
  expect(rest.exitCode).toBe(0);
  expectGapless(first.stdout + rest.stdout);
  expect(await stack.client.getRun(id)).toMatchObject({ state: "failed", exitCode: 7 });
});
