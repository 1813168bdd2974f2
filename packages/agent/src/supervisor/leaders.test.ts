import { existsSync } from "node:fs";
import { beforeAll, expect, test, vi } from "vitest";
import { adoptOrphans, mayHaveOrphans } from "./leaders.ts";
import { reap } from "./libc.ts";
import { findProcess } from "./process-table.ts";
import { shell, startOnPty } from "./testing/run-on-pty.ts";

/** Prints the number of a process that has left the session, knows no variable and has lost its parent; it is there by then. */
const GOT_AWAY = "(setsid env -i bash -c 'echo $$; exec sleep 300' &) | { read -r pid; echo $pid; }";

beforeAll(() => {
  expect(mayHaveOrphans()).toBe(true); // nobody can tell yet
  // Of this process: no other test file is in it, and it starts nothing but leaders.
  adoptOrphans();
  expect(mayHaveOrphans()).toBe(false);
});

test("a kernel that does not tell of children proves nothing", () => {
  expect(mayHaveOrphans(() => undefined)).toBe(true);
  expect(mayHaveOrphans(() => [])).toBe(false);
});

test("a leader whose end somebody else was told has ended, nobody knows how", async () => {
  const { pty, ended } = startOnPty(shell("read -r line </dev/tty"));
  process.removeAllListeners("SIGCHLD"); // heard of once it was reaped
  process.kill(pty.leader.pid, "SIGKILL");
  await vi.waitFor(() => expect(reap(pty.leader.pid)).toBe(9), { interval: 5 });
  expect(mayHaveOrphans()).toBe(false);
  expect((await ended).exit).toEqual({});
});

test("of a leader that left nothing behind nothing may be left, whatever others run", async () => {
  const other = startOnPty(shell("exec sleep 300"));
  const { exit } = await startOnPty(shell("sleep 0.01 & exit 3")).ended;
  expect(exit).toEqual({ exitCode: 3 });
  await vi.waitFor(() => expect(mayHaveOrphans()).toBe(false), { interval: 5 }); // its child may outlive it for a moment
  process.kill(other.pty.leader.pid, "SIGKILL");
  expect((await other.ended).exit).toEqual({ signal: "SIGKILL" });
  expect(mayHaveOrphans()).toBe(false);
});

test("a process that got away is this one's child, may be left until it ends, and leaves no zombie", async () => {
  const { output } = await startOnPty(shell(GOT_AWAY)).ended;
  const pid = Number(output);
  expect(findProcess(pid)?.parentPid).toBe(process.pid);
  expect(mayHaveOrphans()).toBe(true);
  process.kill(pid, "SIGKILL");
  await vi.waitFor(() => expect(existsSync(`/proc/${pid}`)).toBe(false), { interval: 5 });
  expect(mayHaveOrphans()).toBe(false);
});
