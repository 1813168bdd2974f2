import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DueClock } from "./due-clock.ts";

const rung: string[] = [];
let clock: DueClock;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  rung.length = 0;
  clock = new DueClock({
    nowMs: () => Date.now(),
    onDue: (jobs) => rung.push(`${jobs.join("+")}@${Date.now() - 1_000_000}`),
  });
});

afterEach(() => {
  clock.clear();
  vi.useRealTimers();
});

const inMs = (ms: number): number => 1_000_000 + ms;

test("each job is told of at its time, the earliest first, once", () => {
  clock.set("late", inMs(300));
  clock.set("early", inMs(100));
  clock.set("middle", inMs(200));
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual(["early@100", "middle@200", "late@300"]);
});

test("jobs of one instant are told of together", () => {
  for (const job of ["one", "other", "later"]) clock.set(job, inMs(job === "later" ? 101 : 100));
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual(["one+other@100", "later@101"]);
});

test("a time that comes nearer and goes away again, over and over, leaves nothing behind", () => {
  for (let round = 0; round < 5_000; round++) {
    clock.set("yearly", inMs(100));
    clock.set("yearly", inMs(900));
  }
  expect(clock.size).toBeLessThan(1_100);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual(["yearly@900"]);
});

test("a time that is set anew, or taken away, counts in the place of the one before", () => {
  clock.set("moved", inMs(100));
  clock.set("moved", inMs(400));
  clock.set("sooner", inMs(900));
  clock.set("sooner", inMs(50));
  clock.set("gone", inMs(100));
  clock.set("gone", undefined);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual(["sooner@50", "moved@400"]);
});

test("a time that has passed is told of at once", () => {
  clock.set("past", inMs(-5_000));
  vi.advanceTimersByTime(0);
  expect(rung).toEqual(["past@0"]);
});

test("when the clock of the machine is set forward, what that makes due is found within half a minute", () => {
  clock.set("far", inMs(3_600_000));
  vi.setSystemTime(inMs(3_600_000));
  vi.advanceTimersByTime(30_000);
  expect(rung).toEqual(["far@3630000"]);
});

test("a time beyond what a timer can hold does not ring early", () => {
  clock.set("next year", inMs(400 * 86_400_000));
  vi.advanceTimersByTime(60_000);
  expect(rung).toEqual([]);
});
