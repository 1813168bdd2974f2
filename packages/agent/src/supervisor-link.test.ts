import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { SupervisorLink } from "./supervisor-link.ts";
import { listPids } from "./supervisor/process-table.ts";
import { SUPERVISOR_PROTOCOL } from "./supervisor/protocol.ts";
import { supervisorSocketPath } from "./supervisor/socket-path.ts";

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
  const link = new SupervisorLink({
    stateDir,
    env: process.env,
    session: "session",
    onConnected: () => undefined,
    onStatus: () => undefined,
    onOutput: () => undefined,
    log: pino({ level: "silent" }),
  });
  const started = link.start();
  await vi.waitFor(
    () => {
      const pid = listPids().find((one) => isSupervisorOf(one, stateDir));
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

/** A process whose command line is that of a supervisor already: a fork that has not become one yet has its parent's. */
function isSupervisorOf(pid: number, stateDir: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`--state-dir\0${stateDir}\0`);
  } catch {
    return false; // it has ended
  }
}
