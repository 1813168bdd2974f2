import { expect, test } from "vitest";
import { dueAtOf } from "./when.ts";

const NOW_MS = Date.parse("2026-03-01T12:00:00Z");

test.each([
  ["2026-12-01T02:30:00+01:00", undefined, "2026-12-01T01:30:00.000Z"],
  ["2026-12-01 02:30:00Z", undefined, "2026-12-01T02:30:00.000Z"],
  ["2026-12-01T02:30", "Europe/Berlin", "2026-12-01T01:30:00.000Z"],
  ["2026-12-01 02:30:15", "America/New_York", "2026-12-01T07:30:15.000Z"],
  ["2026-12-01t02:30z", undefined, "2026-12-01T02:30:00.000Z"],
  ["2026-12-01T02:30-0530", undefined, "2026-12-01T08:00:00.000Z"],
  ["2026-12-01 02:30:15.25+0100", undefined, "2026-12-01T01:30:15.250Z"],
  ["2028-02-29T23:59:59Z", undefined, "2028-02-29T23:59:59.000Z"],
  // The clocks go from 2 to 3, and from 3 to 2.
  ["2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30:00.000Z"],
  ["2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00.000Z"],
])("%s in %s is %s", (at, zone, instant) => {
  expect(dueAtOf({ at, zone }, NOW_MS)).toBe(instant);
});

test.each([
  ["tomorrow", undefined, "at"],
  ["2026-12-01T02:30", undefined, "at"],
  ["2026-02-30T02:30", "Europe/Berlin", "at"],
  ["2026-12-01T02:30", "Mars/Olympus", "zone"],
  ["2026-12-01T02:30:00Z", "Mars/Olympus", "zone"],
  ["2026-12-01T02:30:00Z", "+02:00", "zone"],
  ["2026-02-30T02:30:00Z", undefined, "at"],
  ["2027-02-29T02:30:00+01:00", "Europe/Berlin", "at"],
  ["2026-04-31T24:00:00+02:00", undefined, "at"],
  ["2026-04-30T24:00:00Z", undefined, "at"],
  ["2026-12-31T23:59:60Z", undefined, "at"],
  ["2026-12-01T02:60Z", undefined, "at"],
  ["2026-13-01T02:30Z", undefined, "at"],
  ["2026-12-01T02:30:00+24:00", undefined, "at"],
  ["1969-12-31T23:30:00Z", undefined, "at"],
  ["2199-01-01T00:00:00Z", undefined, "at"],
  [undefined, "Europe/Berlin", "zone"],
  ["2026-12-01 02:30:15.25+0100", "America/New_York", "zone"],
])("%s in %s is refused", (at, zone, field) => {
  expect(() => dueAtOf({ at, zone }, NOW_MS)).toThrow(expect.objectContaining({ code: "invalid-request", field }));
});

test("nothing said is now", () => {
  expect(dueAtOf({}, NOW_MS)).toBeUndefined();
});
