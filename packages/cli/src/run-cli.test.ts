import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloseCode, type RunView } from "@jobs/core";
import { startContractServer, viewOf, type Answer, type FollowSocket, type Request } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import { runCommand } from "./testing/run-command.ts";
import { VERSION } from "./version.ts";

const pending = viewOf({ state: "pending", sentence: "Handed to web-1; it has not started yet." });
const running = viewOf();
const times = { ...running.times, runningAt: "2026-11-23T10:00:00.500Z", endedAt: "2026-11-23T10:01:00.000Z" };
const failed = viewOf({
  state: "failed",
  reason: "exit",
  exitCode: 3,
  sentence: "The script ended by itself with exit code 3 on web-1.",
  times,
});
const LOG = Buffer.concat([Buffer.from("hi ünï\n"), Buffer.from([0xff, 0x00])]);

/** Answers as a server with one run, `failed`, of the job `nightly`. */
function answer({ method, path, query }: Request): Answer {
  if (method === "POST" && path === "/v1/runs") return { status: 201, body: { run: pending, known: false } };
  if (path === "/v1/runs") return { body: { runs: [null, "nightly"].includes(query.get("job")) ? [failed] : [] } };
  if (path === `/v1/runs/${failed.run}`) return { body: failed };
  if (path === "/v1/agents")
    return {
      body: {
        agents: [{ id: "web-1", name: "web one", inContact: false, slots: 4, assigned: 1, labels: { os: "linux" } }],
      },
    };
  return { status: 404, body: { error: { code: "run-unknown", message: "There is no such run." } } };
}

function follow(socket: FollowSocket): void {
  socket.send({ type: "run", run: running });
  if (socket.from !== undefined) socket.sendLog(socket.from, LOG.subarray(socket.from));
  socket.send({ type: "run", run: failed });
  if (socket.from !== undefined) socket.send({ type: "log-end", lengthBytes: LOG.length, complete: true });
}

async function startServer(options: Parameters<typeof startContractServer>[0] = {}) {
  const server = await startContractServer({ answer, follow, ...options });
  return Object.assign(server, { env: { JOBS_URL: server.url, JOBS_TOKEN: server.token } });
}

test("submit prints the run's id alone on stdout, the rest on stderr", async () => {
  await using server = await startServer();
  const file = join(await mkdtemp(join(tmpdir(), "cli-")), "nightly.sh");
  await writeFile(file, "echo hi\n");
  const options = [
    "--on",
    "web-1",
    "--env",
    "A=1",
    "-e",
    "B=x=y",
    "--key",
    "k",
    "--overlap",
    "allow",
    "--interpreter",
    "bash -e",
  ];
  const done = await runCommand(["submit", file, ...options], server);
  expect(done).toMatchObject({ exitCode: 0, stdout: `${pending.run}\n`, stderr: `jobs: ${pending.sentence}\n` });
  expect(server.requests[0]?.body).toEqual({
    name: "nightly.sh",
    script: "echo hi\n",
    on: "web-1",
    env: { A: "1", B: "x=y" },
    key: "k",
    overlap: "allow",
    interpreter: ["bash", "-e"],
  });
});

test("a script may come from standard input or the command line, with a name", async () => {
  await using server = await startServer();
  await runCommand(["submit", "-", "--name", "n"], { ...server, stdin: "echo in" });
  await runCommand(["submit", "-c", "echo c", "--name", "n"], server);
  expect(server.requests.map(({ body }) => body?.["script"])).toEqual(["echo in", "echo c"]);
});

test.each([
  ["name-invalid", ["submit", "-c", "echo c"]],
  ["invalid-request", ["submit", "--name", "n"]],
  ["invalid-request", ["submit", "-", "-c", "x", "--name", "n"]],
  ["script-missing", ["submit", "/nowhere/x.sh"]],
  ["invalid-request", ["submit", "-c", "x", "--name", "n", "--env", "A"]],
  ["invalid-request", ["submit", "-c", "x", "--name", "n", "--overlap", "never"]],
  ["invalid-request", ["logs", failed.run, "--from", "x"]],
  ["invalid-request", ["lits"]],
  ["invalid-request", ["list", "--wat"]],
])("%s is said in one line for %j", async (code, argv) => {
  await using server = await startServer();
  const done = await runCommand(argv, server);
  expect(done).toMatchObject({ exitCode: 64, stdout: "" });
  expect(done.stderr).toMatch(new RegExp(`^jobs: .+ \\(${code}\\)\\n$`));
  expect(server.requests.filter(({ method }) => method === "POST")).toEqual([]);
  expect(JSON.parse((await runCommand([...argv, "--json"], server)).stderr)).toMatchObject({ error: { code } });
});

test("submit --follow gives the log's bytes unchanged and ends as the script did", async () => {
  await using server = await startServer();
  const done = await runCommand(["submit", "-c", "x", "--name", "nightly", "--follow"], server);
  expect(done.exitCode).toBe(3);
  expect(done.stdoutBytes).toEqual(LOG);
  expect(done.stderr.split("\n")).toEqual([
    `jobs: Run ${pending.run} of nightly.`,
    `jobs: ${pending.sentence}`,
    `jobs: ${running.sentence}`,
    `jobs: ${failed.sentence}`,
    "",
  ]);
});

test("submit --follow --json gives one document a line", async () => {
  await using server = await startServer();
  const done = await runCommand(["submit", "-c", "x", "--name", "nightly", "--follow", "--json"], server);
  const lines = done.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; run?: RunView });
  const told = lines.map(({ type, run }) => run?.state ?? type);
  expect(told.filter((one) => !one.startsWith("log"))).toEqual(["pending", "running", "failed"]);
  expect(told.filter((one) => one.startsWith("log"))).toEqual(["log", "log-end"]);
  expect(lines.find(({ type }) => type === "log")).toEqual({
    type: "log",
    attempt: 1,
    offset: 0,
    sizeBytes: LOG.length,
    text: "hi ünï\n\uFFFD\0",
  });
  expect(done).toMatchObject({ exitCode: 3, stderr: "" });
});

test("a broken connection while following is said once and loses nothing", async () => {
  let breaks = 0;
  await using server = await startServer({
    follow: (socket) => {
      if (breaks++ >= 2) return follow(socket);
      if (breaks === 1) socket.sendLog(0, LOG.subarray(0, 4));
      socket.close(CloseCode.serverStops);
    },
  });
  const done = await runCommand(["submit", "-c", "x", "--name", "nightly", "-f"], server);
  expect(done.stdoutBytes).toEqual(LOG);
  expect(done.stderr.match(/Trying again/g)).toHaveLength(1);
});

test("Ctrl-C while following cancels nothing and says how to come back", async () => {
  await using server = await startServer({ follow: (socket) => socket.sendLog(0, Buffer.from("12345")) });
  const interrupt = new AbortController();
  const onStdout = () => interrupt.abort(new Error("Interrupted."));
  const done = await runCommand(["submit", "-c", "x", "--name", "nightly", "-f"], {
    ...server,
    interrupt: interrupt.signal,
    onStdout,
  });
  expect(done).toMatchObject({ exitCode: 130, stdout: "12345" });
  expect(done.stderr).toContain(`jobs logs -f ${pending.run} --from 5\n`);
  expect(done.stderr).toContain(`jobs cancel ${pending.run}\n`);
  expect(server.requests.filter(({ path }) => path.endsWith("/cancel"))).toEqual([]);
});

test("logs takes an offset, and a job's name for its latest run", async () => {
  await using server = await startServer();
  const done = await runCommand(["logs", "-f", "nightly", "--from", "3"], server);
  expect(done.stdoutBytes).toEqual(LOG.subarray(3));
  expect(done).toMatchObject({ exitCode: 0, stderr: `jobs: ${failed.sentence}\n` });
});

test("a run that nobody knows is not found", async () => {
  await using server = await startServer();
  const done = await runCommand(["status", "nobodyknows"], server);
  expect(done).toMatchObject({ exitCode: 66, stderr: expect.stringContaining("(run-unknown)") });
});

test("agents shows how far a clock is off, and nothing of clocks that are right", async () => {
  const agent = { id: "web-1", name: "web one", inContact: true, slots: 4, assigned: 1, labels: {} };
  const agents = [{ ...agent, clockAheadMs: 300_000 }, { ...agent, clockAheadMs: -12_300 }, agent];
  await using server = await startServer({ answer: () => ({ body: { agents } }) });
  const [header, ...rows] = (await runCommand(["agents"], server)).stdout.trimEnd().split("\n");
  expect(header).toMatch(/ CLOCK$/);
  expect(rows).toEqual([
    expect.stringMatching(/ 5 min 0 s ahead$/),
    expect.stringMatching(/ 12\.3 s behind$/),
    expect.not.stringMatching(/ahead|behind/),
  ]);
});

test("status, list and agents are tables for people and one document for programs", async () => {
  await using server = await startServer();
  expect((await runCommand(["status", failed.run], server)).stdout).toMatch(
    /^The script ended .*\nrun .*exit code +3\n/s,
  );
  const list = await runCommand(["list"], server);
  expect(list.stdout.split("\n")[0]).toMatch(/^RUN +JOB +STATE +ON +SUBMITTED +TOOK +WHAT$/);
  expect(list.stdout.split("\n")[1]).toContain("59.5 s");
  expect((await runCommand(["agents"], server)).stdout).not.toContain("CLOCK");
  expect((await runCommand(["agents"], server)).stdout).toMatch(/web one +web-1 +no +yes +1 of 4 +- +os=linux\n$/);
  expect(JSON.parse((await runCommand(["list", "--json"], server)).stdout)).toEqual({ runs: [failed] });
  expect(JSON.parse((await runCommand(["--json", "status", "nightly"], server)).stdout)).toEqual(failed);
  expect(JSON.parse((await runCommand(["agents", "--json"], server)).stdout)).toHaveProperty("agents");
});

const FILE = Buffer.from("kept");
const artifact = (name: string) => ({
  name,
  sizeBytes: FILE.length,
  sha256: createHash("sha256").update(FILE).digest("hex"),
});

async function startServerWith(names: readonly string[], served: Uint8Array = FILE) {
  const artifacts = names.map(artifact);
  const view = viewOf({
    state: "completed",
    times: { ...times, settledAt: times.endedAt },
    output: { location: "x", artifacts },
  });
  return await startServer({
    answer: ({ path }) =>
      path.includes("/artifacts/")
        ? served
        : {
            body: path.endsWith("/artifacts")
              ? { settled: true, artifacts }
              : path === "/v1/runs"
                ? { runs: [view] }
                : view,
          },
  });
}

test("artifacts are listed and fetched into a folder; an existing file is only replaced by force", async () => {
  await using server = await startServerWith(["a.txt", "deep/b.txt"]);
  const folder = await mkdtemp(join(tmpdir(), "cli-"));
  expect((await runCommand(["artifacts", "nightly"], server)).stdout).toMatch(/4 B .* deep\/b\.txt\n$/s);
  const done = await runCommand(["artifacts", "get", "nightly", "-o", folder], server);
  expect(done).toMatchObject({ exitCode: 0, stdout: `${join(folder, "a.txt")}\n${join(folder, "deep/b.txt")}\n` });
  expect(await readFile(join(folder, "deep/b.txt"), "utf8")).toBe("kept");
  expect(await runCommand(["artifacts", "get", "nightly", "a.txt", "-o", folder], server)).toMatchObject({
    exitCode: 64,
  });
  expect(await runCommand(["artifacts", "get", "nightly", "a.txt", "-o", folder, "--force"], server)).toMatchObject({
    exitCode: 0,
  });
  expect(await runCommand(["artifacts", "get", "nightly", "a.txt", "-o", "-"], server)).toMatchObject({
    exitCode: 0,
    stdout: "kept",
  });
  expect(await runCommand(["artifacts", "get", "nightly", "c.txt"], server)).toMatchObject({ exitCode: 66 });
});

test.each(["../out", "/etc/x", "a/../../b", "a//b"])(
  "a file named %s is not written outside of the folder",
  async (name) => {
    await using server = await startServerWith([name]);
    const folder = await mkdtemp(join(tmpdir(), "cli-"));
    const done = await runCommand(["artifacts", "get", "nightly", "-o", join(folder, "in")], server);
    expect(done).toMatchObject({ exitCode: 64, stderr: expect.stringContaining("leads out") });
  },
);

test.skipIf(process.platform === "win32")("a backslash is a character of a name", async () => {
  await using server = await startServerWith(["a\\b", "..\\c"]);
  const folder = await mkdtemp(join(tmpdir(), "cli-"));
  const done = await runCommand(["artifacts", "get", "nightly", "-o", folder], server);
  expect(done).toMatchObject({ exitCode: 0, stderr: "" });
  expect((await readdir(folder)).toSorted()).toEqual(["..\\c", "a\\b"]);
});

test("the connection comes from options, then the environment, then the file, whose token goes to no other server", async () => {
  await using server = await startServer();
  await using other = await startServer();
  const home = await mkdtemp(join(tmpdir(), "cli-"));
  await mkdir(join(home, "jobs"));
  await writeFile(join(home, "jobs", "config.json"), JSON.stringify({ url: server.url, token: "of-the-file" }));
  const env = { XDG_CONFIG_HOME: home };
  await runCommand(["list"], { env });
  await runCommand(["list", "--token", "given"], { env: { ...env, JOBS_TOKEN: "of-the-env" } });
  await runCommand(["list"], { env: { ...env, JOBS_TOKEN: "of-the-env" } });
  expect(server.requests.map(({ authorization }) => authorization)).toEqual([
    "Bearer of-the-file",
    "Bearer given",
    "Bearer of-the-env",
  ]);
  const refused = await runCommand(["list", "--url", other.url], { env });
  expect(refused).toMatchObject({ exitCode: 78, stderr: expect.stringContaining("token") });
  expect(other.requests).toEqual([]);
});

test("without a server it says what to set", async () => {
  expect(await runCommand(["list"])).toMatchObject({ exitCode: 78, stderr: expect.stringContaining("JOBS_URL") });
});

test("without a command it gives the help, and says what is missing", async () => {
  const { exitCode, stdout, stderr } = await runCommand([]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: "" });
  expect(stderr).toMatch(/^Usage: jobs[^]*\njobs: No command is given; see jobs --help \(invalid-request\)\n$/);
});

test("what is wrong with a command line is one sentence", async () => {
  const { exitCode, stderr } = await runCommand(["list", "extra"]);
  expect(exitCode).toBe(64);
  expect(stderr).toContain("Expected 0 arguments but got 1; see jobs --help (invalid-request)\n");
});

test("help and version succeed", async () => {
  expect(await runCommand(["--help"])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Exit codes") });
  expect(await runCommand(["--version"])).toMatchObject({ exitCode: 0, stdout: `${packageJson.version}\n` });
  expect(VERSION).toBe(packageJson.version);
});
