import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import { SupervisorLink } from "./supervisor-link.ts";
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
