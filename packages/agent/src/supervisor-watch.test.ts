import { expect, test, vi } from "vitest";
import { SupervisorWatch } from "./supervisor-watch.ts";

test("one that hangs is overdue once no beat was acknowledged for as long as its attempts may run without", () => {
  using host = new TestHost({ contactLimitMs: 170_000 });
  host.watch.beat(0);
  host.watch.owes();
  // Beats go on until it is known to hang, and the server counts from the last of them.
  host.pass(15_000);
  host.watch.beat(15_000);
  host.pass(169_000);
  expect(host.watch.isAnswering()).toBe(false);
  expect(host.overdueAtMs).toEqual([]);
  host.pass(1_000);
  expect(host.overdueAtMs).toEqual([185_000]);
});

test("one that answers is never overdue, however long no beat was acknowledged", () => {
  using host = new TestHost({ contactLimitMs: 170_000, onUnasked: () => host.watch.answered() });
  host.watch.beat(0);
  host.pass(500_000);
  expect(host.watch.isAnswering()).toBe(true);
  expect(host.overdueAtMs).toEqual([]);
});

test("one that hangs while no beats are acknowledged is found, too: it is asked all the same", () => {
  using host = new TestHost({ contactLimitMs: 170_000 });
  host.watch.beat(0);
  host.pass(169_000);
  expect(host.overdueAtMs).toEqual([]);
  host.pass(1_000);
  expect(host.overdueAtMs).toEqual([170_000]);
});

test("the time for which the whole machine was paused does not make one hang", () => {
  using host = new TestHost({ contactLimitMs: 170_000 });
  host.watch.beat(0);
  host.watch.owes();
  host.pass(10_000);
  host.pause(3_600_000);
  host.pass(3_000);
  expect(host.watch.isAnswering()).toBe(true);
  expect(host.overdueAtMs).toEqual([]);
  // But it does hang, and what it runs has been without contact for all the time.
  host.pass(3_000);
  expect(host.watch.isAnswering()).toBe(false);
  expect(host.overdueAtMs).not.toEqual([]);
});

test("one that hangs is not overdue for attempts that are never lost, nor before any beat was acknowledged", () => {
  using unlimited = new TestHost({ contactLimitMs: Number.POSITIVE_INFINITY });
  unlimited.watch.beat(0);
  unlimited.pass(500_000);
  expect(unlimited.watch.isAnswering()).toBe(false);
  expect(unlimited.overdueAtMs).toEqual([]);
  using unheard = new TestHost({ contactLimitMs: 170_000 });
  unheard.watch.owes();
  unheard.pass(500_000);
  expect(unheard.watch.isAnswering()).toBe(false);
  expect(unheard.overdueAtMs).toEqual([]);
});

/** A watch, the boot clock and the timers; the whole machine can be paused, and then only the clock goes on. */
class TestHost {
  readonly watch: SupervisorWatch;
  readonly overdueAtMs: number[] = [];
  #pausedMs = 0;

  constructor({ contactLimitMs, onUnasked }: { contactLimitMs: number; onUnasked?: () => void }) {
    vi.useFakeTimers({ now: 0 });
    const bootClockMs = (): number => Date.now() + this.#pausedMs;
    this.watch = new SupervisorWatch({
      bootClockMs,
      answerLimitMs: 15_000,
      contactLimitMs: () => contactLimitMs,
      onUnasked: () => {
        this.watch.owes();
        onUnasked?.();
      },
      onOverdue: () => this.overdueAtMs.push(bootClockMs()),
    });
    this.watch.start();
  }

  pass(durationMs: number): void {
    vi.advanceTimersByTime(durationMs);
  }

  pause(durationMs: number): void {
    this.#pausedMs += durationMs;
  }

  [Symbol.dispose](): void {
    this.watch.stop();
    vi.useRealTimers();
  }
}
