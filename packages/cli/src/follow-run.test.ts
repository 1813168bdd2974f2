import { startContractServer, viewOf, type FollowSocket } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { runCommand } from "./testing/run-command.ts";

const running = viewOf({ attempt: 2 });

/** A server with one run; its log is of the attempt that is asked for. */
async function startServer(follow: (socket: FollowSocket) => void) {
  const server = await startContractServer({ answer: () => ({ body: running }), follow });
  return Object.assign(server, { env: { JOBS_URL: server.url, JOBS_TOKEN: server.token } });
}

test.each([[["--attempt", "1"]], [["--attempt", "1", "-f"]], [["-f"]], [[]]])(
  "how a log ended is said with %j",
  async (options) => {
    await using server = await startServer((socket) => {
      const ended = viewOf({ state: "completed", times: { ...running.times, endedAt: "2026-11-23T10:01:00.000Z" } });
      socket.sendLog(0, Buffer.from("half"), socket.attempt);
      socket.send({ type: "run", run: ended });
      socket.send({ type: "log-end", lengthBytes: 9, complete: false });
    });
    const done = await runCommand(["logs", running.run, ...options], server);
    expect(done).toMatchObject({ exitCode: 0, stdout: "half" });
    expect(done.stderr).toContain("The log is not complete.\n");
    const { stdout } = await runCommand(["logs", running.run, "--json", ...options], server);
    expect(stdout).toContain(`{"type":"log-end","lengthBytes":9,"complete":false}\n`);
  },
);

test("of a log that goes on nothing is said", async () => {
  await using server = await startServer((socket) => {
    socket.sendLog(0, Buffer.from("so far"));
    socket.send({ type: "caught-up", offset: 6 });
  });
  const done = await runCommand(["logs", running.run, "--json"], server);
  expect(done.stdout).not.toContain("log-end");
});

test("an attempt that has not begun has no log to print; who follows waits for it", async () => {
  await using server = await startServer((socket) => {
    socket.send({ type: "caught-up", offset: 0 });
    socket.sendLog(0, Buffer.from("third"), socket.attempt);
    socket.send({ type: "log-end", lengthBytes: 5, complete: true });
  });
  const done = await runCommand(["logs", running.run, "--attempt", "3"], server);
  expect(done).toMatchObject({ exitCode: 64, stdout: "" });
  expect(done.stderr).toContain(`Run ${running.run} has no attempt 3 yet.`);
  expect(await runCommand(["logs", running.run, "--attempt", "3", "-f"], server)).toMatchObject({ stdout: "third" });
});

test("Ctrl-C while one attempt is followed says how to come back to that one", async () => {
  await using server = await startServer((socket) => socket.sendLog(0, Buffer.from("12345"), socket.attempt));
  const interrupt = new AbortController();
  const onStdout = (): void => interrupt.abort(new Error("Interrupted."));
  const io = { ...server, interrupt: interrupt.signal, onStdout };
  const done = await runCommand(["logs", running.run, "-f", "--attempt", "1"], io);
  expect(done.stderr).toContain(`jobs logs -f ${running.run} --attempt 1 --from 5\n`);
});
