import { expect, test } from "vitest";
import { KEPT_FOR } from "../domain/retention.ts";
import { isPastRetention, isPromised, keptFor } from "./retention.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 1_000 * DAY_MS;

function finished(days: number, newer = 0, isOfSlot = false) {
  return { endedAtMs: NOW_MS - days * DAY_MS, newer, isOfSlot };
}

test("a run goes by its age or by the number of newer ones, as its job says, else as the servers are told", () => {
  const [none, short] = [keptFor(undefined, KEPT_FOR), keptFor({ days: 7, runs: 3 }, KEPT_FOR)];
  expect(none).toEqual({ days: 90, runs: 10_000 });
  expect(keptFor({ days: null }, KEPT_FOR)).toEqual({ days: null, runs: 10_000 });
  const forEver = keptFor({ days: null, runs: null }, KEPT_FOR);
  for (const [facts, kept, isPast] of [
    [finished(90), none, false],
    [finished(90.1), none, true],
    [finished(1, 9_999), none, false],
    [finished(1, 10_000), none, true],
    [finished(6, 2), short, false],
    [finished(8, 2), short, true],
    [finished(6, 3), short, true],
    [finished(999, 999_999), forEver, false],
  ] as const)
    expect([facts, isPastRetention(facts, kept, NOW_MS)]).toEqual([facts, isPast]);
});

test("a run that was submitted is kept for 30 days at least, so that its key is answered; one of a schedule for a day", () => {
  expect([29, 30, 30.1].map((days) => isPromised(finished(days), NOW_MS))).toEqual([true, true, false]);
  expect([0.5, 1, 1.1].map((days) => isPromised(finished(days, 0, true), NOW_MS))).toEqual([true, true, false]);
});
