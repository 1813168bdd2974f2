import type { JobView } from "@jobs/core";
import { startContractServer, type Answer, type Request } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const AT = "2026-03-01T12:00:00.000Z";

/** A server without jobs, which takes what it is told. */
function answer({ method, path, body }: Request): Answer {
  if (path === "/v1/jobs") return { body: { jobs: [] } };
  if (method === "GET") return { status: 404, body: { error: { code: "job-unknown", message: "No.", field: "name" } } };
  const script = (body as { task: { script: string } }).task.script;
  const task = { script, on: "web-1", interpreter: ["bash"], env: {} };
  const job = String(body?.["name"]);
  return { body: { job, policy: {}, task, updatedAt: AT, runs: [] } satisfies JobView };
}

async function apply(file: string, ...options: readonly string[]) {
  await using server = await startContractServer({ answer });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  return await runCommand(["apply", "-f", "-", "--dry-run", ...options], { env, stdin: file });
}

test("all faults of a file are said, each with its line", async () => {
  const done = await apply("jobs:\n  a:\n    taks: {}\n  b:\n    policy: { overlap: never }\n  c:\n    schedules: 5\n");
  expect(done).toMatchObject({ exitCode: 64, stdout: "" });
  const lines = done.stderr.trimEnd().split("\n").toSorted();
  expect(lines).toEqual([
    expect.stringMatching(/^Standard input:5: jobs\.b\.policy\.overlap: /),
    expect.stringMatching(/^Standard input:7: jobs\.c\.schedules: /),
    expect.stringMatching(/^jobs: Standard input:3: jobs\.a\.taks: .* \(invalid-request\)$/),
  ]);
});

test.each(["", "# nothing\n", "- name: a\n", "5"])("what is no map of jobs is said with a field: %j", async (file) => {
  const { stderr, exitCode } = await apply(file, "--json");
  expect(exitCode).toBe(64);
  const { error } = JSON.parse(stderr) as { error: { field: string; message: string } };
  expect(error).toMatchObject({ code: "invalid-request", field: "jobs" });
  expect(error.message).toContain("with its jobs by name under “jobs”");
});

test("what is no YAML is said with line and column before it, as an editor finds it", async () => {
  const { stderr } = await apply("jobs:\n  a: { task: { script: 'x' }\n");
  expect(stderr).toMatch(/^jobs: Standard input:3:1: it is not YAML as it must be: [^:]+ \(invalid-request\)\n$/);
});

test("of a new job the script is shown as it is, and nothing that was before it", async () => {
  const { stdout } = await apply('jobs:\n  a:\n    task: { script: "echo a\\necho b\\n" }\n');
  expect(stdout.split("\n")).toEqual([
    "+  a: added",
    "     task.on: web-1",
    "     task.script:",
    "       + echo a",
    "       + echo b",
    expect.stringContaining("task.interpreter"),
    "1 added, 0 changed, 0 unchanged, 0 kept; nothing is done: --dry-run.",
    "",
  ]);
});

test("what could not be done is not counted as done", async () => {
  const refused = { code: "job-busy", message: "A run of it lives.", field: "name" };
  await using server = await startContractServer({
    answer(request) {
      if (request.method === "DELETE") return { status: 409, body: { error: refused } };
      if (request.path !== "/v1/jobs") return answer(request);
      return { body: { jobs: [{ job: "old", schedules: 0, next: [], liveRuns: 1 }] } };
    },
  });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  const stdin = 'jobs:\n  a:\n    task: { script: "echo a" }\n';
  const { stdout, stderr, exitCode } = await runCommand(["apply", "-f", "-", "--prune"], { env, stdin });
  expect({ exitCode, stderr }).toEqual({ exitCode: 75, stderr: "old: A run of it lives. (job-busy)\n" });
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("1 added, 0 changed, 0 unchanged, 0 pruned, 1 failed.");
});
