import { createRequire } from "node:module";
import { expect, test, vi } from "vitest";
import { ProcessTree } from "./containment.ts";
import { findProcess, listPids, readEnvironment } from "./process-table.ts";
import { shell, startOnPty } from "./testing/run-on-pty.ts";

test("a script is ended the moment it was started, and all that it had begun", async () => {
  for (let round = 1; round <= 20; round += 1) {
    const { pty, ended } = startOnPty({ ...shell("sleep 300 & sleep 300 & wait"), env: { MARK: "1" } });
    const { leader } = pty;
    const tree = new ProcessTree({ leader, lowestPid: leader.pid, knowsSession: true, marker: ["MARK=1"] });
    // Every other time its children are there.
    if (round % 2 === 0) await vi.waitFor(() => expect(sessionOf(leader.pid)).toHaveLength(3), { interval: 1 });
    expect(await tree.end(5_000)).toEqual([]);
    expect((await ended).exit).toEqual({ signal: "SIGTERM" });
    expect(sessionOf(leader.pid)).toEqual([]);
  }
});

/** A program whose first thread ends, while others go on until it is told to end. */
const headless = `
  const { load } = require(${JSON.stringify(createRequire(import.meta.url).resolve("koffi"))});
  const { Worker } = require("node:worker_threads");
  const exitThread = load(null).func("long syscall(long, long)");
  new Worker("setInterval(() => {}, 1000)", { eval: true }).on("online", () =>
    exitThread(process.arch === "arm64" ? 93 : 60, 0),
  );`;

test.each([
  ["the leader", (node: string) => `exec ${node}`],
  ["a process that has left the session", (node: string) => `setsid ${node} & wait`],
])("what is left of %s once its first thread has ended is found, and ended", async (_, script) => {
  const node = `'${process.execPath}' -e '${headless}'`;
  const { pty, ended } = startOnPty({ ...shell(script(node)), env: { MARK: "2", PATH: process.env["PATH"] ?? "" } });
  const { leader } = pty;
  const findHeadless = (): number | undefined => listPids().find((pid) => isMarkedAndHeadless(pid, leader.pid));
  const pid = await vi.waitUntil(findHeadless, { timeout: 10_000 });
  const tree = new ProcessTree({ leader, lowestPid: leader.pid, knowsSession: true, marker: ["MARK=2"] });
  expect(await tree.end(0)).toEqual([]);
  await ended;
  // Its threads may be ending still.
  await vi.waitFor(() => expect(findProcess(pid)).toBeUndefined());
});

function isMarkedAndHeadless(pid: number, lowest: number): boolean {
  const entry = findProcess(pid);
  return pid >= lowest && entry?.isHeadless === true && readEnvironment(entry)?.includes("MARK=2") === true;
}

test("another session that has the number of the leader by now is left alone", async () => {
  const { pty, ended } = startOnPty(shell("exec sleep 300"));
  const { pid, startTicks } = pty.leader;
  const leader = { pid, startTicks: startTicks - 1 };
  const tree = new ProcessTree({ leader, knowsSession: true, marker: ["MARK=1"] });
  expect(await tree.end(0)).toEqual([]);
  expect(findProcess(pid)).toBeDefined();
  process.kill(pid, "SIGKILL");
  await ended;
});

function sessionOf(leader: number): readonly number[] {
  return listPids().filter((pid) => findProcess(pid)?.sessionPid === leader);
}
