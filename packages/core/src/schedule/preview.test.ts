import { expect, test } from "vitest";
import { previewOf } from "./preview.ts";

const range = (from: string, count: number): { job: string; from: number; count: number } => ({
  job: "nightly",
  from: Date.parse(from),
  count,
});

test("the next firings are told with the days on which the clocks are changed", () => {
  const schedule = { id: "main", cron: "30 2 * * *", zone: "America/New_York" };
  expect(previewOf(schedule, range("2026-03-07T07:30:00Z", 3))).toEqual([
    {
      at: "2026-03-07T07:30:00.000Z",
      dueAt: "2026-03-07T07:30:00.000Z",
      wall: "2026-03-07T02:30:00-05:00[America/New_York]",
    },
    {
      at: "2026-03-08T07:30:00.000Z",
      dueAt: "2026-03-08T07:30:00.000Z",
      wall: "2026-03-08T03:30:00-04:00[America/New_York]",
      change: "gap",
      meant: "2026-03-08T02:30:00[America/New_York]",
    },
    {
      at: "2026-03-09T06:30:00.000Z",
      dueAt: "2026-03-09T06:30:00.000Z",
      wall: "2026-03-09T02:30:00-04:00[America/New_York]",
    },
  ]);
});

test("what is skipped in a row is one entry, and does not count", () => {
  const blackouts = [{ from: "2026-01-01T00:00:00Z", to: "2026-01-01T01:00:00Z" }];
  const found = previewOf({ id: "main", cron: "* * * * *", blackouts }, range("2025-12-31T23:59:00Z", 3));
  expect(
    found.map(({ at, skip, until, count }) => ({ at: at.slice(11, 16), skip, until: until?.slice(11, 16), count })),
  ).toEqual([
    { at: "23:59", skip: undefined, until: undefined, count: undefined },
    { at: "00:00", skip: "blackout", until: "00:59", count: 60 },
    { at: "01:00", skip: undefined, until: undefined, count: undefined },
    { at: "01:01", skip: undefined, until: undefined, count: undefined },
  ]);
});

test("a preview ends: at the last firing, for none, and in a blackout without an end", () => {
  expect(previewOf({ id: "main", at: "2026-01-01T00:00" }, range("2025-01-01T00:00:00Z", 5))).toHaveLength(1);
  expect(previewOf({ id: "main", at: "2026-01-01T00:00" }, range("2027-01-01T00:00:00Z", 5))).toEqual([]);
  expect(previewOf({ id: "main", cron: "@daily" }, range("2025-01-01T00:00:00Z", 0))).toEqual([]);
  const blackouts = [{ from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" }];
  const [only, ...others] = previewOf(
    { id: "main", every: { ms: 1_000 }, blackouts },
    range("2025-01-01T00:00:00Z", 1),
  );
  expect(others).toEqual([]);
  expect(only).toMatchObject({ skip: "blackout", count: 20_000 });
});
