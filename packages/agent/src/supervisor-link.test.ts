import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { beforeAll, expect, test, vi } from "vitest";
import { SupervisorLink } from "./supervisor-link.ts";
import { bootClockMs } from "./supervisor/boot-clock.ts";
import { findProcess } from "./supervisor/process-table.ts";
import { SUPERVISOR_PROTOCOL } from "./supervisor/protocol.ts";
import { supervisorSocketPath } from "./supervisor/socket-path.ts";
import { buildSupervisorBundle, findSupervisor } from "./supervisor/testing/supervised-host.ts";

beforeAll(buildSupervisorBundle, 30_000);

test("what the supervisor holds is told before what it says next, also when both come in one piece", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-link-"));
  const hello = { type: "hello", protocol: SUPERVISOR_PROTOCOL, generation: "g", pid: 1, bootId: "b", attempts: [] };
  const status = { type: "status", status: { job: "job", run: "run-1", attempt: 1 } };
  const supervisor = createServer((socket) => {
    socket.once("data", () => socket.write(`${JSON.stringify(hello)}\n${JSON.stringify(status)}\n`));
  });
  await new Promise<void>((listening) => supervisor.listen(supervisorSocketPath(stateDir), listening));
  const heard: string[] = [];
  let onStatus!: () => void;
  const said = new Promise<void>((resolve) => (onStatus = resolve));
  const link: SupervisorLink = new SupervisorLink({
    stateDir,
    env: {},
    session: "session",
    onConnected: () => heard.push(`connected ${link.client !== undefined}`),
    onStatus: () => {
      heard.push("status");
      onStatus();
    },
    onOutput: () => undefined,
    log: pino({ level: "silent" }),
  });
  await link.start();
  await said;
  expect(heard).toEqual(["connected true", "status"]);
  link.detach();
  await new Promise((closed) => supervisor.close(closed));
  await rm(stateDir, { recursive: true });
});

test("a supervisor that is killed while it starts is started again", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-link-"));
  let killed = 0;
  const link = linkTo(stateDir);
  const started = link.start();
  await vi.waitFor(
    () => {
      const pid = findSupervisor(stateDir);
      if (pid === undefined) throw new Error("it has not been spawned yet");
      process.kill(pid, "SIGKILL");
      killed = pid;
    },
    { interval: 1, timeout: 10_000 },
  );
  await started;
  expect(link.client?.hello.pid).not.toBe(killed);
  await link.end(0);
  await rm(stateDir, { recursive: true });
});

test("a supervisor that hangs is noticed, once, and so is that it goes on", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-link-"));
  const said: string[] = [];
  const link = linkTo(stateDir, said);
  await link.start();
  const { pid } = link.client!.hello;
  link.beat(1);
  process.kill(pid, "SIGSTOP");
  try {
    await vi.waitFor(() => {
      link.beat(2);
      expect(link.isAnswering()).toBe(false);
    }, 10_000);
    expect(link.isAnswering()).toBe(false);
    // Nor does one wait for it for ever that is started beside it.
    const beside = linkTo(stateDir, said);
    await expect(beside.start()).rejects.toThrow("the supervisor does not answer");
    beside.detach();
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await vi.waitFor(() => expect(link.isAnswering()).toBe(true), 10_000);
  expect(said).toHaveLength(2);
  await link.end(0);
  await rm(stateDir, { recursive: true });
});

test("a supervisor that hangs for longer than its scripts may be without contact is killed, and another one started", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-link-"));
  const said: string[] = [];
  const link = linkTo(stateDir, said, 1_000);
  await link.start();
  const { pid } = link.client!.hello;
  link.beat(bootClockMs());
  process.kill(pid, "SIGSTOP");
  await vi.waitFor(() => expect(link.client?.hello.pid ?? pid).not.toBe(pid), 20_000);
  expect(findProcess(pid)).toBeUndefined();
  expect(link.isAnswering()).toBe(true);
  expect(said.filter((line) => line.includes("it is killed"))).toHaveLength(1);
  await link.end(0);
  await rm(stateDir, { recursive: true });
});

test("a supervisor that is gone for long is no supervisor that answers; an older one, which never answers, is not judged", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-link-"));
  const hello = { type: "hello", protocol: SUPERVISOR_PROTOCOL, generation: "g", pid: 1, bootId: "b", attempts: [] };
  const sockets: Socket[] = [];
  const beats: string[] = [];
  const supervisor = createServer((socket) => {
    sockets.push(socket);
    if (sockets.length > 1) return; // from then on it hangs
    socket.once("data", () => {
      socket.write(`${JSON.stringify(hello)}\n`);
      socket.on("data", (bytes) => beats.push(String(bytes)));
    });
  });
  await new Promise<void>((listening) => supervisor.listen(supervisorSocketPath(stateDir), listening));
  const link = linkTo(stateDir);
  await link.start();
  const sinceMs = bootClockMs();
  await vi.waitFor(() => {
    link.beat(1);
    expect(bootClockMs() - sinceMs).toBeGreaterThan(2 * ANSWER_LIMIT_MS);
    expect(beats.length).toBeGreaterThan(1);
  }, 10_000);
  expect(link.isAnswering()).toBe(true);
  sockets[0]!.destroy();
  await vi.waitFor(() => expect(link.isAnswering()).toBe(false), 10_000);
  link.detach();
  for (const socket of sockets) socket.destroy();
  await new Promise((closed) => supervisor.close(closed));
  await rm(stateDir, { recursive: true });
});

test("of two agents on one supervisor neither ends the other's connection again and again without a pause", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "jobs-link-"));
  const one = linkTo(stateDir);
  const other = linkTo(stateDir);
  await one.start();
  const sinceMs = performance.now();
  await other.start();
  const clients = new Set([one.client]);
  await vi.waitFor(
    () => {
      if (one.client !== undefined) clients.add(one.client);
      expect(clients.size).toBe(3);
    },
    { interval: 1, timeout: 20_000 },
  );
  expect(performance.now() - sinceMs).toBeGreaterThan(900);
  other.detach();
  await one.end(0);
  await rm(stateDir, { recursive: true });
});

const ANSWER_LIMIT_MS = 300;

function linkTo(
  stateDir: string,
  said: string[] = [],
  contactLimitMs: number = Number.POSITIVE_INFINITY,
): SupervisorLink {
  return new SupervisorLink({
    stateDir,
    env: process.env,
    session: "session",
    onConnected: () => undefined,
    onStatus: () => undefined,
    onOutput: () => undefined,
    answerLimitMs: ANSWER_LIMIT_MS,
    contactLimitMs: () => contactLimitMs,
    log: pino({ level: "info" }, { write: (line: string) => said.push(line) }),
  });
}
