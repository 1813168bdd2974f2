import type { RunView } from "@jobs/sdk";
import { startContractServer, viewOf, type FollowSocket } from "@jobs/sdk/testing";
import { expect, test } from "vitest";
import { HOSTS_AT_ONCE } from "./follow-hosts.ts";
import { runCommand } from "./testing/run-command.ts";

const { times } = viewOf();
const endedAt = "2026-11-23T10:01:00.000Z";
const settled = { ...times, endedAt, settledAt: endedAt };
const partId = (host: number): string => `partpart${String(host).padStart(8, "0")}`;

/**
 * A run on so many hosts, so many at a time; `onPart` is called with the socket of each that is followed. A host has ended
 * its part once its log has.
 */
async function startRun(total: number, atOnce: number, onPart: (socket: FollowSocket, host: number) => void) {
  const ended = new Set<number>();
  const opened = new Set<number>();
  let most = 0;
  const begun = (): number => Math.min(total, ended.size + atOnce);
  const whole = (): RunView => {
    const running = begun() - ended.size;
    const done = ended.size === total;
    const counts = { completed: ended.size, failed: 0, cancelled: 0, skipped: 0, running, notStarted: total - begun() };
    const run = "wholewhole123456";
    const end = done ? ({ state: "failed", reason: "hosts-failed", times: settled } as const) : {};
    return viewOf({ run, sentence: done ? "Ended." : "Running.", hosts: { total, ...counts }, ...end });
  };
  const part = (host: number): RunView => {
    const end = ended.has(host) ? ({ state: "completed", times: settled } as const) : {};
    return viewOf({ run: partId(host), attempt: 1, ...end });
  };
  const hosts = () =>
    Array.from({ length: total }, (_, host) => {
      const named = { agent: `a${host}`, name: `web-${host}` };
      return host < begun() ? { ...named, run: part(host) } : named;
    });
  const followers: FollowSocket[] = [];
  const tell = (socket: FollowSocket): void => {
    socket.send({ type: "run", run: whole() });
    if (ended.size < total) return;
    if (socket.from !== undefined) socket.send({ type: "log-end", lengthBytes: 0, complete: true });
    socket.close(1000);
  };
  const server = await startContractServer({
    answer: ({ path, method }) => {
      if (path.endsWith("/hosts")) return { body: { hosts: hosts() } };
      return {
        body: method === "POST" ? { run: whole(), known: false } : whole(),
        status: method === "POST" ? 201 : 200,
      };
    },
    follow: (socket) => {
      if (!socket.run.startsWith("part")) {
        followers.push(socket);
        return tell(socket);
      }
      const host = Number(socket.run.slice(-8));
      opened.add(host);
      most = Math.max(most, opened.size - ended.size);
      onPart(socket, host);
    },
  });
  /** The host's part has ended, and perhaps with it the run. */
  const settle = (host: number): void => {
    ended.add(host);
    for (const follower of followers) tell(follower);
  };
  const end = (socket: FollowSocket, log: { lengthBytes: number; complete: boolean }): void => {
    const host = Number(socket.run.slice(-8));
    ended.add(host);
    socket.send({ type: "log-end", ...log });
    socket.send({ type: "run", run: part(host) });
    socket.close(1000);
    settle(host);
  };
  const env = { JOBS_URL: server.url, JOBS_TOKEN: server.token };
  return Object.assign(server, { env, end, settle, followers, mostAtOnce: () => most });
}

const whole = (text: string) => ({ lengthBytes: Buffer.byteLength(text), complete: true });

test.each([
  ["submit", "--name", "nightly", "-c", "true", "--on-all", "web", "--follow"],
  ["run", "nightly", "--follow"],
  ["rerun", "wholewhole123456", "--failed-hosts", "--follow"],
  ["logs", "wholewhole123456", "--follow"],
])(
  "%s … prints the lines of each host behind its name, whole, as hosts begin; and ends as the run",
  async (...argv) => {
    await using server = await startRun(3, 1, (socket, host) => {
      expect(socket).toMatchObject({ from: 0, attempt: 1, only: false });
      const text = `one of ${host}\r\ntwo é`;
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at++) socket.sendLog(at, bytes.subarray(at, at + 1));
      server.end(socket, whole(text));
    });
    const done = await runCommand(argv, server);
    const lines = [0, 1, 2].flatMap((host) => [`web-${host} | one of ${host}`, `web-${host} | two é`]);
    expect(done.stdout).toBe(`${lines.join("\n")}\n`);
    expect(done.stderr).toContain("jobs: Ended.\n  which hosts: jobs hosts wholewhole123456\n");
    expect(done.exitCode).toBe(argv[0] === "logs" ? 0 : 117);
  },
);

test("a host's line is printed once it is whole, while others go on", async () => {
  const sockets: FollowSocket[] = [];
  await using server = await startRun(2, 2, (socket, host) => {
    sockets[host] = socket;
    if (sockets[0] === undefined || sockets[1] === undefined) return;
    sockets[0].sendLog(0, Buffer.from("zero, "));
    sockets[1].sendLog(0, Buffer.from("one\n"));
  });
  const onStdout = (text: string): void => {
    const [first, second] = sockets;
    if (text === "web-1 | one\n") first?.sendLog(6, Buffer.from("more\n"));
    if (text === "web-0 | zero, more\n" && second !== undefined) server.end(second, whole("one\n"));
    if (text === "web-0 | zero, more\n" && first !== undefined) server.end(first, whole("zero, more\n"));
  };
  const { stdout } = await runCommand(["logs", "wholewhole123456", "-f"], { ...server, onStdout });
  expect(stdout).toBe("web-1 | one\nweb-0 | zero, more\n");
});

test("on a terminal names have colours, which a line neither takes on nor hands on, also after a return", async () => {
  await using server = await startRun(2, 1, (socket, host) => {
    const text = host === 0 ? "\u001B[31mred\n" : "10%\r20%\r\n";
    socket.sendLog(0, Buffer.from(text));
    server.end(socket, whole(text));
  });
  const { stdout } = await runCommand(["logs", "wholewhole123456", "-f"], { ...server, columns: 80 });
  const name = (host: number, colour: number): string => `\u001B[0m\u001B[${colour}mweb-${host} | \u001B[39m\u001B[0m`;
  expect(stdout).toBe(`${name(0, 36)}\u001B[31mred\n${name(1, 33)}10%\r${name(1, 33)}20%\n`);
});

test("attempts, lost bytes and an incomplete log are said of their host", async () => {
  await using server = await startRun(1, 1, (socket) => {
    socket.sendLog(0, Buffer.from("first, cut"), 1);
    socket.sendLog(0, Buffer.from("second\n"), 2);
    socket.sendLog(9, Buffer.from("end"), 2);
    if (server.sockets.filter(({ run }) => run === socket.run).length > 1)
      server.end(socket, { lengthBytes: 20, complete: false });
  });
  const done = await runCommand(["logs", "wholewhole123456", "-f"], server);
  expect(done.stdout).toBe("web-0 | first, cut\nweb-0 | second\nweb-0 | end\n");
  for (const note of ["Attempt 2 begins.", "Bytes 7–8 of the log are lost.", "The log is not complete."])
    expect(done.stderr).toContain(`jobs: web-0: ${note}\n`);
});

test("with --json each piece and end of a log names its host; how the run ended comes behind them", async () => {
  await using server = await startRun(1, 1, (socket) => {
    server.settle(0);
    void Promise.all(server.followers.map(({ closed }) => closed)).then(() => {
      socket.sendLog(0, Buffer.from("no end"));
      server.end(socket, whole("no end"));
    });
  });
  const { stdout } = await runCommand(["logs", "wholewhole123456", "-f", "--json"], server);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(lines).toContainEqual({ type: "log", host: "web-0", attempt: 1, offset: 0, sizeBytes: 6, text: "no end" });
  // How the whole ended comes last: it has no log of its own.
  expect(lines.slice(-3)).toMatchObject([
    { type: "log-end", host: "web-0", lengthBytes: 6, complete: true },
    { type: "run", run: { state: "failed" } },
    { type: "log-end", lengthBytes: 0, complete: true },
  ]);
});

test("of very many hosts all lines come, over a bounded number of sockets, and few lists", async () => {
  const total = HOSTS_AT_ONCE + 100;
  const first: FollowSocket[] = [];
  let lines: string[] = [];
  await using server = await startRun(total, total, (socket) => {
    socket.sendLog(0, Buffer.from("hi\n"));
    if (lines.length < HOSTS_AT_ONCE) first.push(socket);
    else server.end(socket, whole("hi\n"));
  });
  // The first ones run on, and it is seen that they do, before they end.
  const onStdout = (text: string): void => {
    lines = [...lines, ...text.trimEnd().split("\n")];
    if (lines.length === HOSTS_AT_ONCE) for (const socket of first) socket.sendLog(3, Buffer.from("on\n"));
    if (lines.length === 2 * HOSTS_AT_ONCE) for (const socket of first) server.end(socket, whole("hi\non\n"));
  };
  await runCommand(["logs", "wholewhole123456", "-f"], { ...server, onStdout });
  const own = Array.from({ length: total }, (_, host) => `web-${host} | hi`);
  expect(lines.filter((line) => line.endsWith("hi")).toSorted()).toEqual(own.toSorted());
  expect(lines).toHaveLength(total + HOSTS_AT_ONCE);
  expect(server.mostAtOnce()).toBe(HOSTS_AT_ONCE);
  expect(server.requests.length).toBeLessThan(20);
}, 30_000);

test("Ctrl-C ends it on all hosts, and says how to come back", async () => {
  await using server = await startRun(2, 2, (socket) => socket.sendLog(0, Buffer.from("line\n")));
  const interrupt = new AbortController();
  const printed: string[] = [];
  const onStdout = (text: string): void => {
    if (printed.push(text) === 2) interrupt.abort(new Error("Interrupted."));
  };
  const done = await runCommand(["logs", "wholewhole123456", "-f"], {
    ...server,
    interrupt: interrupt.signal,
    onStdout,
  });
  expect(done).toMatchObject({ exitCode: 130, stdout: expect.stringContaining("web-1 | line\n") as string });
  expect(done.stderr).toContain("jobs logs -f wholewhole123456\n");
  await expect.poll(() => server.openSockets()).toBe(0);
});

test("a log that cannot be read for good ends it with that error, and no socket stays", async () => {
  await using server = await startRun(2, 2, (socket, host) => {
    if (host === 0) return;
    socket.send({ type: "error", error: { code: "run-unknown", message: "There is no such run." } });
    socket.close(4500);
  });
  const done = await runCommand(["logs", "wholewhole123456", "-f"], server);
  expect(done).toMatchObject({ exitCode: 66, stderr: expect.stringContaining("There is no such run.") as string });
  await expect.poll(() => server.openSockets()).toBe(0);
});
