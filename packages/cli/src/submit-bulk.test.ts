import { writeFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startContractServer, viewOf, type Request } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { runCommand } from "./testing/run-command.ts";

const namesOf = ({ body }: Request): string[] => (body as { runs: { name: string }[] }).runs.map(({ name }) => name);

/** Accepts all but the job `busy`; a run's id is the job's name. */
async function startServer() {
  const server = await startContractServer({
    answer: (request) => ({
      body: {
        results: namesOf(request).map((job) =>
          job === "busy"
            ? { error: { code: "job-busy", message: "It is busy." } }
            : { run: viewOf({ job, run: job }), known: false },
        ),
      },
    }),
  });
  return Object.assign(server, { env: { JOBS_URL: server.url, JOBS_TOKEN: server.token } });
}

const line = (name: string): string => JSON.stringify({ name, script: "true" });

test("submit --bulk prints a line for each submission, in order, and ends with the first error's exit code", async () => {
  await using server = await startServer();
  const file = join(await mkdtemp(join(tmpdir(), "cli-")), "all.jsonl");
  await writeFile(file, `${line("one")}\n\nnot json\n[]\n${line("busy")}\n${line("two")}`);
  const outcome = await runCommand(["submit", "--bulk", file], { env: server.env });
  expect(outcome).toMatchObject({ exitCode: 64, stdout: "one\n-\n-\n-\ntwo\n" });
  expect(outcome.stderr.split("\n")).toEqual([
    expect.stringMatching(/^jobs: Line 3: It is not JSON: .* \(body-not-json\)$/),
    "jobs: Line 4: It is not one JSON object. (body-not-json)",
    "jobs: Line 5: It is busy. (job-busy)",
    "",
  ]);
  expect(server.requests.map(namesOf)).toEqual([["one", "busy", "two"]]);
});

test("submit --bulk - reads standard input; with --json each line is a document; 0 when all were accepted", async () => {
  await using server = await startServer();
  const stdin = Array.from({ length: 1_001 }, (_, index) => line(`job ${index}`)).join("\n");
  const all = await runCommand(["submit", "--bulk", "-", "--json"], { env: server.env, stdin });
  expect(all.exitCode).toBe(0);
  const jobs = all.stdout
    .trim()
    .split("\n")
    .map((text) => (JSON.parse(text) as { run: { job: string } }).run.job);
  expect(jobs).toEqual(Array.from({ length: 1_001 }, (_, index) => `job ${index}`));
  const busy = await runCommand(["submit", "--bulk", "-", "--json"], { env: server.env, stdin: line("busy") });
  expect(busy).toMatchObject({ exitCode: 75, stderr: "" });
  expect(JSON.parse(busy.stdout)).toEqual({ error: { code: "job-busy", message: "It is busy." } });
});

test.each([["script.sh"], ["--on", "web-1"], ["-c", "true"]])(
  "submit --bulk refuses %s beside it, and sends nothing",
  async (...more) => {
    await using server = await startServer();
    const outcome = await runCommand(["submit", "--bulk", "-", ...more], { env: server.env, stdin: line("one") });
    expect(outcome.exitCode).toBe(64);
    expect(outcome.stderr).toContain("--bulk");
    expect(server.requests).toEqual([]);
  },
);
