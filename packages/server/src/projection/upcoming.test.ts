import type { JobDefinition } from "@jobs/core";
import { expect, test } from "vitest";
import { AT } from "../testing/sample-run.ts";
import { upcomingOf } from "./upcoming.ts";

const HOUR_MS = 3_600_000;
const schedule = { id: "main", cron: "@hourly", jitterMs: HOUR_MS - 1 };

/** Due when its next three are, of a schedule that begins at an instant; hours after {@link AT}. */
function upcoming(nowMs: number, change: Partial<JobDefinition> = {}): readonly (readonly [number, number])[] {
  const definition = { v: 1, job: "nightly", writeId: "w", policy: {}, updatedAt: AT, updatedBy: "ada" } as const;
  const since = (instant: string): number => (Date.parse(instant) - Date.parse(AT)) / HOUR_MS;
  const slots = upcomingOf({ ...definition, schedules: [schedule], ...change }, schedule, { nowMs, count: 3 });
  return slots.map(({ at, dueAt }) => [since(at), since(dueAt)]);
}

test("a slot is still to come until it is due, which with jitter is after its instant", () => {
  const [first, second, third] = upcoming(Date.parse(AT));
  expect([first?.[0], second?.[0], third?.[0]]).toEqual([1, 2, 3]);
  const dueMs = Date.parse(AT) + first![1] * HOUR_MS;
  expect(upcoming(dueMs - 1)).toEqual([first, second, third]);
  expect(upcoming(dueMs).slice(0, 2)).toEqual([second, third]);
});

test("a slot that the schedule has behind it is not, nor one of a time before there was the schedule", () => {
  const [first, second] = upcoming(Date.parse(AT));
  const beforeDueMs = Date.parse(AT) + first![1] * HOUR_MS - 1;
  const passed = new Date(Date.parse(AT) + HOUR_MS).toISOString();
  expect(upcoming(beforeDueMs, { cursors: { main: passed } })[0]).toEqual(second);
  expect(upcoming(beforeDueMs, { updatedAt: passed })[0]).toEqual(second);
});
