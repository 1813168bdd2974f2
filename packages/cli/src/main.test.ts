import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startContractServer, viewOf } from "@jobs/sdk/testing";
import { beforeAll, expect, test } from "vitest";

let jobs: string;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "cli-"));
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const tsup = fileURLToPath(new URL("../../../node_modules/tsup/dist/cli-default.js", import.meta.url));
  await promisify(execFile)(process.execPath, [tsup, "--out-dir", folder], { cwd });
  jobs = join(folder, "jobs.mjs");
});

/** A run that prints for ever. */
async function startServer() {
  const server = await startContractServer({
    answer: ({ path }) => ({ body: path === "/v1/runs" ? { runs: [viewOf()] } : viewOf() }),
    follow: (socket) => {
      let offset = 0;
      const line = Buffer.from("a line\n".repeat(10_000));
      const timer = setInterval(() => {
        socket.sendLog(offset, line);
        offset += line.length;
      }, 5);
      void socket.closed.then(() => clearInterval(timer));
    },
  });
  return Object.assign(server, { env: { ...process.env, JOBS_URL: server.url, JOBS_TOKEN: server.token } });
}

test("the bundle stands alone and is executable", async () => {
  const { stdout } = await promisify(execFile)(jobs, ["--help"], { cwd: "/" });
  expect(stdout).toContain("Usage: jobs");
});

test("a reader that has read enough ends it quietly", async () => {
  await using server = await startServer();
  const script = `"${jobs}" logs -f nightly 2>stderr.txt | head -n 2; echo "\${PIPESTATUS[0]}"; cat stderr.txt`;
  const cwd = await mkdtemp(join(tmpdir(), "cli-"));
  const { stdout } = await promisify(execFile)("bash", ["-c", script], { cwd, env: server.env });
  expect(stdout).toBe("a line\na line\n141\njobs: Running on web-1.\n");
});

test.skipIf(process.platform !== "linux")("what cannot be written is said in one line", async () => {
  await using server = await startServer();
  for (const command of ["logs -f nightly", "list"]) {
    const script = `"${jobs}" ${command} 2>&1 >/dev/full; echo "$?"`;
    const { stdout } = await promisify(execFile)("bash", ["-c", script], { env: server.env });
    expect(stdout).toMatch(/^(jobs: Running on web-1.\n)?jobs: The output cannot be written: .*ENOSPC.*\n74\n$/);
  }
});

test("Ctrl-C ends a follow with 130, also while its output is stuck", async () => {
  await using server = await startServer();
  const child = spawn(jobs, ["logs", "-f", "nightly"], { env: server.env, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  await once(child.stdout, "readable"); // and then nobody reads
  await expect.poll(() => server.sockets[0]?.bufferedBytes(), { timeout: 20_000 }).toBeGreaterThan(0);
  child.kill("SIGINT");
  expect(await once(child, "exit")).toEqual([130, null]);
  expect(stderr).toContain("jobs logs -f abcdefgh12345678 --from ");
});
