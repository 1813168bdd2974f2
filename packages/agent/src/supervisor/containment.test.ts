import { expect, test, vi } from "vitest";
import { ProcessTree } from "./containment.ts";
import { findProcess, listPids } from "./process-table.ts";
import { Pty, type LeaderExit } from "./pty.ts";

test("a script is ended the moment it was started, and all that it had begun", async () => {
  for (let round = 1; round <= 20; round += 1) {
    let leaderExit: LeaderExit = {};
    let onDrained!: () => void;
    const drained = new Promise<void>((resolve) => (onDrained = resolve));
    const args = ["sh", "-c", "sleep 300 & sleep 300 & wait"];
    const { leader } = Pty.spawn(
      { file: "/bin/sh", args, env: { MARK: "1" }, directory: "/", columns: 80, rows: 24 },
      { onBytes: () => undefined, onLeaderExit: (exit) => (leaderExit = exit), onDrained },
    );
    const tree = new ProcessTree({ leader, lowestPid: leader.pid, knowsSession: true, marker: ["MARK=1"] });
    // Every other time its children are there.
    if (round % 2 === 0) await vi.waitFor(() => expect(sessionOf(leader.pid)).toHaveLength(3), { interval: 1 });
    expect(await tree.end(5_000)).toEqual([]);
    await drained;
    expect(leaderExit).toEqual({ signal: "SIGTERM" });
    expect(sessionOf(leader.pid)).toEqual([]);
  }
});

function sessionOf(leader: number): readonly number[] {
  return listPids().filter((pid) => findProcess(pid)?.sessionPid === leader);
}
