import { beforeEach, expect, test } from "vitest";
import { ListedAttempts } from "./listed-attempts.ts";

const ONE = { job: "nightly", run: "run00001", attempt: 1 };
const LIVE = { agent: "alpha", run: "run00001", attempt: 1 };

let nowMs = 0;
let countsForMs = 0;
let listed: ListedAttempts;
beforeEach(() => {
  nowMs = 1_000_000;
  countsForMs = 3_600_000;
  const clock = (): number => nowMs;
  listed = new ListedAttempts({ monotonicMs: clock, nowMs: clock, countsForMs: () => countsForMs });
});

test("what a host lists runs until its next beat says otherwise", () => {
  listed.onBeat("alpha", { held: [ONE, { ...ONE, job: "other" }] }, 0);
  listed.onBeat("beta", { held: [] }, 0);
  expect([listed.of("nightly"), [...listed.jobs()]]).toEqual([[LIVE], ["nightly", "other"]]);
  listed.onBeat("alpha", { held: [{ ...ONE, isOver: true }] }, 0);
  expect([listed.of("nightly"), [...listed.jobs()]]).toEqual([[], []]);
});

test("what a host listed in its last beat runs for as long as the host keeps it without contact", () => {
  listed.onBeat("alpha", { held: [ONE] }, 5_000);
  nowMs += countsForMs - 5_001;
  expect(listed.of("nightly")).toEqual([LIVE]);
  nowMs += 1;
  expect(listed.of("nightly")).toEqual([]);
  countsForMs = Number.POSITIVE_INFINITY;
  expect(listed.of("nightly")).toEqual([LIVE]);
});

test("what is known to be over runs no more, whatever the host listed; the rest of its list stands", () => {
  listed.onBeat("alpha", { held: [ONE, { ...ONE, run: "run00002" }, { ...ONE, job: "other", run: "run00003" }] }, 0);
  listed.forget(LIVE);
  expect(listed.of("nightly")).toEqual([{ ...LIVE, run: "run00002" }]);
  listed.forget({ ...LIVE, run: "run00002" });
  listed.forget({ ...LIVE, agent: "beta", run: "run00003" });
  expect([listed.of("nightly"), [...listed.jobs()]]).toEqual([[], ["other"]]);
});
