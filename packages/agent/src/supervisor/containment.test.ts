import { expect, test, vi } from "vitest";
import { ProcessTree } from "./containment.ts";
import { findProcess, listPids } from "./process-table.ts";
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
