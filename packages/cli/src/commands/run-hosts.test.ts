import { createHash } from "node:crypto";
import { startContractServer, viewOf, type Answer, type Request } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const times = {
  submittedAt: "2026-11-23T10:00:00.000Z",
  endedAt: "2026-11-23T10:01:00.000Z",
  settledAt: "2026-11-23T10:01:01.000Z",
};
const hosts = { total: 2, completed: 1, failed: 0, cancelled: 0, skipped: 0, notStarted: 1 };
const FILE = Buffer.from("kept");
const artifacts = [{ name: "a", sizeBytes: 4, sha256: createHash("sha256").update(FILE).digest("hex") }];
const whole = viewOf({
  run: "wholewhole123456",
  state: "completed",
  sentence: "Completed on all hosts.",
  times,
  hosts,
});
const part = viewOf({
  run: "partpartpart1234",
  state: "completed",
  attempt: 1,
  times,
  output: { location: "x", artifacts },
});

/** A run on two hosts, of which the second has not begun. */
function answer({ path }: Request, shown = whole): Answer {
  const [, , , run, what, file] = path.split("/");
  const ofPart = run === part.run;
  if (run === undefined) return { body: { runs: [shown] } };
  if (what === "hosts")
    return {
      body: {
        hosts: [
          { agent: "h1", name: "web-1", run: part },
          { agent: "h2", name: "web-2" },
        ],
      },
    };
  if (file !== undefined) return FILE;
  if (what === "artifacts") return { body: { settled: true, artifacts: ofPart ? artifacts : [] } };
  return { body: ofPart ? part : shown };
}

async function startServer(shown = whole) {
  const server = await startContractServer({
    answer: (request) => answer(request, shown),
    follow: (socket) => {
      const bytes = Buffer.from(socket.run === part.run ? "log" : "");
      socket.send({ type: "run", run: socket.run === part.run ? part : whole });
      if (bytes.length > 0) socket.sendLog(0, bytes);
      socket.send({ type: "log-end", lengthBytes: bytes.length, complete: true });
    },
  });
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  return Object.assign(server, { run: (...argv: readonly string[]) => runCommand(argv, { env }) });
}

const COMMANDS: string[][] = [
  ["logs", "nightly"],
  ["artifacts", "nightly"],
  ["artifacts", "get", "nightly", "a", "-o", "-"],
];

test.each(COMMANDS)("%s %s of a run on several hosts says how to ask for one of them", async (...argv) => {
  await using server = await startServer();
  const done = await server.run(...argv);
  expect(done).toMatchObject({ exitCode: 64, stdout: "" });
  expect(done.stderr).toContain(`jobs hosts ${whole.run}`);
  expect(done.stderr).toContain("--host");
  expect(done.stderr.includes("print all logs with -f alone")).toBe(argv[0] === "logs");
  const { error } = JSON.parse((await server.run(...argv, "--json")).stderr) as { error: object };
  expect(error).toMatchObject({ code: "invalid-request", field: "host" });
});

test("of a run on a single host its log is asked for on that one", async () => {
  await using server = await startServer(viewOf({ ...whole, hosts: { ...hosts, total: 1, notStarted: 0 } }));
  const { stderr } = await server.run("logs", "nightly");
  expect(stderr).toContain("is on 1 host, which has the log and the files: say which with --host,");
  expect(stderr).toContain(" lists it.");
});

test.each(COMMANDS)("%s %s takes a host by its name or id, and refuses one that has no part", async (...argv) => {
  await using server = await startServer();
  for (const host of ["web-1", "h1"])
    expect(await server.run(...argv, "--host", host)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(argv[0] === "logs" ? /^log$/ : argv[1] === "get" ? /^kept$/ : / a\n$/) as string,
    });
  for (const host of ["web-2", "web-3"])
    expect(await server.run(...argv, "--host", host)).toMatchObject({ exitCode: 66, stdout: "" });
});

test("a run on several hosts is followed on all of them until its end; from an offset or an attempt on only on one", async () => {
  await using server = await startServer();
  const followed = { exitCode: 0, stdout: "web-1 | log\n", stderr: `jobs: ${whole.sentence}\n` };
  expect(await server.run("logs", "-f", "nightly")).toMatchObject(followed);
  for (const option of [
    ["--from", "1"],
    ["--attempt", "1"],
  ])
    expect(await server.run("logs", "-f", "nightly", ...option)).toMatchObject({
      exitCode: 64,
      stderr: expect.stringContaining("--host") as string,
    });
});
