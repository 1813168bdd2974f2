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
    pty = Pty.spawn({
      file: "/bin/sh",
      args: ["-c", "printf unread"],
      env: {},
      directory: "/",
      columns: 80,
      rows: 24,
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
