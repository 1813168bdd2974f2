import { beforeEach, describe, expect, test } from "vitest";
import { Silence } from "./silence.ts";

const HELD = { agent: "alpha", run: "run00001", attempt: 1 };
const LICENCE = { session: "s", number: 5 };
const BEAT = { licence: LICENCE, held: [{ job: "nightly", run: "run00001", attempt: 1 }] };

let nowMs = 0;
let silence: Silence;
beforeEach(() => {
  nowMs = 1_000_000;
  silence = new Silence({ monotonicMs: () => nowMs });
});

/** Time passes, and this server's own renewals come back every second meanwhile. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 1_000) {
    nowMs += Math.min(1_000, left);
    silence.onOwnBeat(nowMs);
  }
}

describe("the silence that a loss is decided on", () => {
  test("is the time since the last beat that listed the attempt, up to the last own renewal that came back", () => {
    silence.onAttempt(HELD);
    pass(5_000);
    silence.onBeat("alpha", BEAT, 0);
    pass(7_000);
    nowMs += 900;
    expect(silence.silentMs(HELD)).toBe(7_000);
  });

  test("is not measured from before the first own renewal came back", () => {
    silence.onAttempt(HELD);
    nowMs += 3_600_000;
    silence.onOwnBeat(nowMs);
    pass(2_000);
    expect(silence.silentMs(HELD)).toBe(2_000);
  });

  test("is nothing while own renewals do not come back, and begins anew after such a gap", () => {
    silence.onAttempt(HELD);
    pass(100_000);
    expect(silence.silentMs(HELD)).toBeGreaterThan(90_000);
    nowMs += 15_000;
    expect(silence.silentMs(HELD)).toBe(0);
    pass(3_000);
    expect(silence.silentMs(HELD)).toBeLessThanOrEqual(3_000);
  });

  test("begins anew when the watch does", () => {
    silence.onAttempt(HELD);
    pass(100_000);
    silence.reset();
    expect(silence.silentMs(HELD)).toBe(0);
    pass(3_000);
    expect(silence.silentMs(HELD)).toBeLessThanOrEqual(3_000);
  });

  test("goes on while the host beats but does not list the attempt: it has forgotten it", () => {
    silence.onAttempt(HELD);
    pass(5_000);
    silence.onBeat("alpha", { licence: LICENCE, held: [] }, 0);
    silence.onBeat("alpha", { licence: LICENCE, held: [{ job: "nightly", run: "run00001", attempt: 2 }] }, 0);
    silence.onBeat("beta", BEAT, 0);
    expect(silence.silentMs(HELD)).toBeGreaterThan(3_000);
  });

  test("goes on while the host lists as refused what has started: it was asked to end what it has forgotten", () => {
    const beat = { licence: LICENCE, held: [{ ...HELD, job: "nightly", isOver: true, isRefused: true }] };
    silence.onAttempt(HELD);
    pass(5_000);
    silence.onBeat("alpha", beat, 0);
    expect(silence.silentMs(HELD)).toBe(4_000);
    // Of one that has not started it is told that it was refused.
    silence.onAttempt(HELD, LICENCE.number - 1);
    silence.onBeat("alpha", beat, 0);
    expect(silence.silentMs(HELD)).toBe(0);
  });

  test("of an attempt that may still start begins when its licence is over: until then each beat speaks for it", () => {
    const silent = (): number => silence.silentMs(HELD);
    silence.onAttempt(HELD, 5);
    pass(100_000);
    silence.onBeat("alpha", { licence: LICENCE, held: [] }, 0);
    expect(silent()).toBeLessThan(1_000);
    pass(100_000);
    silence.onBeat("alpha", { licence: { session: "s", number: 6 }, held: [] }, 0);
    expect(silent()).toBeGreaterThan(99_000);
    silence.onAttempt(HELD); // it has started
    silence.onBeat("alpha", { licence: LICENCE, held: [] }, 0);
    expect(silent()).toBeGreaterThan(99_000);
  });

  test("of an attempt that no record names is nothing", () => {
    pass(100_000);
    expect(silence.silentMs(HELD)).toBe(0);
    silence.onAttempt(HELD);
    silence.forget(HELD);
    pass(100_000);
    expect([silence.silentMs(HELD), silence.sinceHeardMs(HELD)]).toEqual([0, 0]);
  });
});

test("what is shown is the time since it was heard of, whether or not that can be decided on", () => {
  silence.onAttempt(HELD);
  nowMs += 20_000;
  expect(silence.sinceHeardMs(HELD)).toBe(20_000);
  silence.onBeat("alpha", BEAT, 4_000);
  expect(silence.sinceHeardMs(HELD)).toBe(4_000);
  silence.onBeat("alpha", BEAT, 9_000); // an older one, of a watch that begins anew
  expect(silence.sinceHeardMs(HELD)).toBe(4_000);
});
