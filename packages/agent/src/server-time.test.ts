import { expect, test, vi } from "vitest";
import { ServerTime } from "./server-time.ts";

const HOUR_MS = 3_600_000;

/** What an instant a second after the last sending comes to, relative to where it is by clocks that differ by `apartMs`. */
function lateMs(apartMs: number, waysMs: readonly number[]): number {
  const time = new ServerTime();
  for (const [index, wayMs] of waysMs.entries()) time.onMessage(index * 1_000, index * 1_000 + wayMs + apartMs);
  const sentMs = (waysMs.length - 1) * 1_000;
  return time.onHostMs(sentMs + 1_000) - (sentMs + 1_000 + apartMs);
}

test.each([0, HOUR_MS, -HOUR_MS])("an instant is late by the fastest way there was, clocks %d ms apart", (apartMs) => {
  expect(lateMs(apartMs, [8])).toBe(8);
  expect(lateMs(apartMs, [8, 2, 15])).toBe(2);
});

test("how far the clock is ahead is known from the first message on", () => {
  const time = new ServerTime();
  expect(time.aheadMs).toBeUndefined();
  time.onMessage(0, HOUR_MS + 8);
  time.onMessage(1_000, 1_000 + HOUR_MS + 2);
  expect(time.aheadMs).toBe(HOUR_MS + 2);
});

test("what came long ago counts no more", () => {
  expect(lateMs(0, [1, ...Array.from({ length: 49 }, () => 9)])).toBe(1);
  expect(lateMs(0, [1, ...Array.from({ length: 50 }, () => 9)])).toBe(9);
});

test.each([HOUR_MS, -HOUR_MS])("a clock that was set by %d ms is followed with the next message", (byMs) => {
  const time = new ServerTime();
  time.onMessage(0, 3);
  time.onMessage(1_000, 1_004 + byMs);
  expect(time.onHostMs(2_000)).toBe(2_004 + byMs);
});

test("a host whose clock is a little behind waits until it shows the instant, too", () => {
  expect(lateMs(-12, [2])).toBe(12);
  expect(lateMs(-500, [2])).toBe(2);
});

test("what came a minute ago counts no more: clocks drift", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const time = new ServerTime();
    time.onMessage(0, 1);
    vi.advanceTimersByTime(59_999);
    time.onMessage(0, 9);
    expect(time.onHostMs(1_000)).toBe(1_001);
    vi.advanceTimersByTime(1);
    time.onMessage(0, 9);
    expect(time.onHostMs(1_000)).toBe(1_009);
  } finally {
    vi.useRealTimers();
  }
});
