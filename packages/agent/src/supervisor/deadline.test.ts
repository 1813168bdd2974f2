import { expect, test, vi } from "vitest";
import { Deadline } from "./deadline.ts";
import { LICENCE_MS } from "./protocol.ts";

test("the end begins the grace before the contact counts as lost", () => {
  using clock = new TestClock();
  const ends = watch(clock, { lostAfterMs: 180_000, graceMs: 10_000, licenceEndsAtMs: LICENCE_MS });
  clock.pass(169_999);
  expect(ends).toEqual([]);
  clock.pass(11);
  expect(ends).toHaveLength(1);
  clock.pass(500_000);
  expect(ends).toHaveLength(1);
});

test("before the first beat the time counts from the beat that earned the licence", () => {
  using clock = new TestClock();
  clock.pass(50_000);
  // That beat was sent at 0: the attempt started 50 s later has 50 s less.
  const ends = watch(clock, { lostAfterMs: 180_000, graceMs: 10_000, licenceEndsAtMs: LICENCE_MS });
  clock.pass(120_011);
  expect(ends).toHaveLength(1);
});

test("an acknowledged beat renews from the time it was sent", () => {
  using clock = new TestClock();
  const deadline = new Deadline({ now: () => clock.nowMs });
  const ends = watch(clock, { lostAfterMs: 180_000, graceMs: 10_000, licenceEndsAtMs: LICENCE_MS, deadline });
  clock.pass(160_000);
  deadline.beat(100_000);
  clock.pass(109_000);
  expect(ends).toEqual([]);
  clock.pass(1_011);
  expect(ends).toHaveLength(1);
});

test("a beat from the future renews from now only", () => {
  using clock = new TestClock();
  const deadline = new Deadline({ now: () => clock.nowMs });
  const ends = watch(clock, { lostAfterMs: 180_000, graceMs: 10_000, licenceEndsAtMs: LICENCE_MS, deadline });
  deadline.beat(1_000_000_000);
  clock.pass(170_011);
  expect(ends).toHaveLength(1);
});

test("an attempt that is never lost needs no timer", () => {
  using clock = new TestClock();
  const ends = watch(clock, { lostAfterMs: null, graceMs: 10_000, licenceEndsAtMs: LICENCE_MS });
  expect(vi.getTimerCount()).toBe(0);
  expect(ends).toEqual([]);
});

test("time that passed while the host slept counts at the next look", () => {
  using clock = new TestClock();
  const ends = watch(clock, { lostAfterMs: 180_000, graceMs: 10_000, licenceEndsAtMs: LICENCE_MS });
  clock.sleepHost(3_600_000);
  expect(ends).toEqual([]);
  clock.pass(1_000);
  expect(ends).toHaveLength(1);
});

test("an attempt ends when it has run for so long, and not a moment before; what it prints changes nothing", () => {
  using clock = new TestClock();
  const ends = watchLimits(clock, { timeoutMs: 5_000 }, () => true);
  clock.pass(4_999);
  expect(ends).toEqual([]);
  clock.pass(11);
  expect(ends).toEqual(["timeout"]);
});

test("an attempt ends when it has printed nothing for so long: each sign of life begins the time anew", () => {
  using clock = new TestClock();
  let hasPrinted = false;
  const ends = watchLimits(clock, { silenceMs: 5_000 }, () => {
    const had = hasPrinted;
    hasPrinted = false;
    return had;
  });
  for (let round = 0; round < 5; round += 1) {
    clock.pass(4_500);
    hasPrinted = true;
  }
  expect(ends).toEqual([]);
  clock.pass(5_000);
  expect(ends).toEqual([]);
  clock.pass(1_011);
  expect(ends).toEqual(["silence"]);
});

test("whichever time is over first is what ends it, once", () => {
  using clock = new TestClock();
  const ends = watchLimits(clock, { timeoutMs: 9_000, silenceMs: 8_000, lostAfterMs: 180_000 });
  clock.pass(500_000);
  expect(ends).toEqual(["silence"]);
});

test("limits count the time in which the host slept", () => {
  using clock = new TestClock();
  const ends = watchLimits(clock, { timeoutMs: 3_600_000 });
  clock.sleepHost(3_600_000);
  clock.pass(1_000);
  expect(ends).toEqual(["timeout"]);
});

function watchLimits(
  clock: TestClock,
  limits: { timeoutMs?: number; silenceMs?: number; lostAfterMs?: number },
  takePrinted: () => boolean = () => false,
): readonly string[] {
  const ends: string[] = [];
  const licence = { session: "s", number: 1, endsAtBootMs: LICENCE_MS };
  const deadline = new Deadline({ now: () => clock.nowMs });
  deadline.watch("a", {
    licence,
    lostAfterMs: null,
    graceMs: 0,
    ...limits,
    takePrinted,
    onOver: (cause) => ends.push(cause),
  });
  return ends;
}

function watch(
  clock: TestClock,
  attempt: { lostAfterMs: number | null; graceMs: number; licenceEndsAtMs: number; deadline?: Deadline },
): readonly number[] {
  const ends: number[] = [];
  const { lostAfterMs, graceMs, licenceEndsAtMs } = attempt;
  const deadline = attempt.deadline ?? new Deadline({ now: () => clock.nowMs });
  const licence = { session: "s", number: 1, endsAtBootMs: licenceEndsAtMs };
  const takePrinted = (): boolean => false;
  deadline.watch("a", { licence, lostAfterMs, graceMs, takePrinted, onOver: () => ends.push(clock.nowMs) });
  return ends;
}

/** The boot clock and the timers; the host can sleep, and then only the clock goes on. */
class TestClock {
  #asleepMs = 0;

  constructor() {
    vi.useFakeTimers({ now: 0 });
  }

  get nowMs(): number {
    return Date.now() + this.#asleepMs;
  }

  pass(durationMs: number): void {
    vi.advanceTimersByTime(durationMs);
  }

  sleepHost(durationMs: number): void {
    this.#asleepMs += durationMs;
  }

  [Symbol.dispose](): void {
    vi.useRealTimers();
  }
}
