import { closeSync, openSync, readdirSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { Pty } from "./pty.ts";

afterEach(() => vi.useRealTimers());

test("a drain that is paused waits for the disk, however long that takes, and loses nothing", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const chunks: Buffer[] = [];
  let isDrained = false;
  let pty!: Pty;
  let onDrained!: () => void;
  const drained = new Promise<void>((resolve) => (onDrained = resolve));
  await new Promise<void>((onExited) => {
    const program = { file: "/bin/sh", args: ["-c", "printf unread"], env: {}, directory: "/", columns: 80, rows: 24 };
    pty = Pty.spawn(program, {
      onBytes: (bytes) => chunks.push(bytes),
      onLeaderExit: () => onExited(),
      onDrained: () => {
        isDrained = true;
        onDrained();
      },
    });
    pty.pause();
  });
  vi.advanceTimersByTime(60_000);
  expect(isDrained).toBe(false);
  pty.resume();
  await drained;
  expect(Buffer.concat(chunks).toString()).toBe("unread");
});

test("a process does not get the terminals of others, whatever descriptors are free between them", async () => {
  const gaps = Array.from({ length: 40 }, () => openSync("/dev/null", "r"));
  const first = runOnPty("sleep 300");
  for (const gap of gaps) closeSync(gap);
  const second = runOnPty("ls -l /proc/$$/fd");
  expect(await second.output).not.toContain("ptmx");
  await end(first);
});

test("scripts that overlap without an end take no more and more descriptors, and hardly ever inherit terminals", async () => {
  const lowest = runOnPty("sleep 300");
  let before = runOnPty("sleep 300");
  let looks = 0;
  let inherited = 0;
  for (let count = 0; count < 2_500; count++) {
    const next = runOnPty("sleep 300");
    await end(before);
    before = next;
    if (count % 50 !== 0) continue;
    looks++;
    if ((await runOnPty("ls -l /proc/$$/fd").output).includes("ptmx")) inherited++;
  }
  expect(Math.max(...readdirSync("/proc/self/fd").map(Number))).toBeLessThan(4_200);
  expect(looks).toBe(50);
  expect(inherited).toBeLessThan(3); // where they begin low again
  await end(before);
  expect(await runOnPty("ls -l /proc/$$/fd").output).not.toContain("ptmx");
  await end(lowest);
}, 60_000);

async function end({ pty, output }: ReturnType<typeof runOnPty>): Promise<void> {
  process.kill(pty.leader.pid, "SIGKILL");
  await output;
}

function runOnPty(script: string): { readonly pty: Pty; readonly output: Promise<string> } {
  const chunks: Buffer[] = [];
  let onDrained!: () => void;
  const drained = new Promise<void>((resolve) => (onDrained = resolve));
  const pty = Pty.spawn(
    { file: "/bin/sh", args: ["-c", script], env: {}, directory: "/", columns: 80, rows: 24 },
    { onBytes: (bytes) => chunks.push(bytes), onLeaderExit: () => undefined, onDrained },
  );
  return { pty, output: drained.then(() => Buffer.concat(chunks).toString()) };
}
