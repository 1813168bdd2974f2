import { expect, test } from "vitest";
import type { Schedule } from "../domain/schedule.ts";
import { findScheduleFault, findUnknown } from "./fault.ts";

const fault = (rule: Omit<Schedule, "id">): ReturnType<typeof findScheduleFault> =>
  findScheduleFault({ id: "main", ...rule });

const DAY_MS = 86_400_000;
const EVERY_MINUTE = { cron: "* * * * *", forMs: 60_000 };

const FAULTS: readonly [string, Omit<Schedule, "id">, string][] = [
  [
    "zone",
    { cron: "@daily", zone: "Europe/Berln" },
    'zone: "Europe/Berln" is not known; a zone has an IANA name, e.g. "Europe/Berlin"',
  ],
  ["zone", { every: { ms: 1_000 }, zone: "UTC+1" }, 'zone: "UTC+1" is not known'],
  ["zone", { at: "2026-12-01T00:00", zone: "+02:00" }, 'zone: "+02:00" is an offset, which knows no daylight saving'],
  ["cron", { cron: "0 25 * * *" }, 'cron: hour, at character 3: "25" is not in 0–23.'],
  ["cron", { cron: "0 0 31 2 *" }, 'cron: "0 0 31 2 *" names no time within 8 years: it would never fire.'],
  ["cron", { cron: "0 0 30,31 FEB *", start: "2026-01-01T00:00:00Z" }, "it would never fire"],
  ["cron", { cron: "0 0 * 2 MON#5" }, "names no time within 8 years"],
  [
    "cron",
    { cron: "0 0 1 1 *", start: "2026-02-01T00:00:00Z", end: "2027-01-01T00:00:00Z" },
    'cron: "0 0 1 1 *" names no time from 2026-02-01T00:00:00Z until before 2027-01-01T00:00:00Z: it would never fire.',
  ],
  [
    "end",
    { cron: "@daily", start: "2027-01-01T00:00:00Z", end: "2027-01-01T01:00:00+01:00" },
    "must be later than start",
  ],
  [
    "at",
    { at: "2026-03-08T02:30", zone: "America/New_York", gap: "skip" },
    'the clocks of America/New_York go forward over it, and gap is "skip"',
  ],
  [
    "at",
    { at: "2026-03-08T02:30", start: "2026-04-01T00:00:00Z" },
    "would never fire: it is not from 2026-04-01T00:00:00Z.",
  ],
  ["at", { at: "2026-03-08T02:30", blackouts: [{ cron: "0 2 * * *", forMs: 3_600_000 }] }, "it is in a blackout"],
  [
    "zone",
    { at: "2026-12-01T02:30:00+01:00", zone: "Europe/Berlin" },
    "2026-12-01T02:30:00+01:00 has an offset already",
  ],
  ["gap", { at: "2026-12-01T02:30:00Z", gap: "skip" }, "an at with an offset names instants"],
  ["gap", { every: { ms: 60_000 }, gap: "after", fold: "both" }, "every names instants"],
  ["fold", { every: { ms: 60_000 }, fold: "both" }, "every names instants"],
  [
    "cron",
    { cron: "0 3 * * *", blackouts: [EVERY_MINUTE] },
    "each of its times is in a blackout: it would never fire.",
  ],
  ["cron", { cron: "* * * * * *", zone: "Europe/Berlin", jitterMs: 500, blackouts: [EVERY_MINUTE] }, "never fire"],
  ["cron", { cron: "0 3 * * *", blackouts: [{ cron: "0 0 1 * *", forMs: 31 * DAY_MS }] }, "never fire"],
  ["cron", { cron: "0 3 * * SUN", blackouts: [{ cron: "0 0 * * SAT,SUN", forMs: DAY_MS }] }, "never fire"],
  [
    "cron",
    {
      cron: "0 3 * * *",
      end: "2026-12-27T00:00:00Z",
      start: "2026-12-24T00:00:00Z",
      blackouts: [{ from: "2026-12-20T00:00:00Z", to: "2026-12-31T00:00:00Z" }],
    },
    "each of its times from 2026-12-24T00:00:00Z until before 2026-12-27T00:00:00Z is in a blackout",
  ],
  ["every", { every: { ms: 3_600_000 }, blackouts: [EVERY_MINUTE] }, "each of its times is in a blackout"],
  ["every", { every: { ms: 420_000 }, blackouts: [EVERY_MINUTE] }, "never fire"],
  ["every", { every: { ms: 7 * DAY_MS }, blackouts: [{ cron: "0 0 * * *", forMs: 1_000 }] }, "never fire"],
  [
    "every",
    { every: { ms: DAY_MS }, zone: "Europe/Berlin", blackouts: [{ cron: "0 1 * * *", forMs: 7_200_000 }] },
    "never fire",
  ],
  [
    "every",
    {
      every: { ms: DAY_MS },
      start: "2026-01-05T02:00:00Z",
      end: "2026-02-01T00:00:00Z",
      zone: "Europe/Berlin",
      blackouts: [{ cron: "0 3 * * *", forMs: 3_600_000 }],
    },
    "never fire",
  ],
  [
    "blackouts.1.cron",
    {
      cron: "@daily",
      blackouts: [
        { cron: "@daily", forMs: 1_000 },
        { cron: "0 0 31 2 *", forMs: 1_000 },
      ],
    },
    'blackouts.1.cron: "0 0 31 2 *" names no time within 8 years: it would never begin.',
  ],
  [
    "blackouts.1.cron",
    {
      cron: "@daily",
      blackouts: [
        { cron: "@daily", forMs: 1_000 },
        { cron: "x", forMs: 1_000 },
      ],
    },
    "this one has 1.",
  ],
  [
    "blackouts.0.to",
    { cron: "@daily", blackouts: [{ from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z" }] },
    "must be later than from",
  ],
];
test.each(FAULTS)("%s %#", (field, rule, message) => {
  const found = fault(rule);
  expect(found?.field).toBe(field);
  expect(found?.message).toContain(message);
  expect(found?.message).toMatch(/^\S.*\.$/);
});

const SOUND: readonly Omit<Schedule, "id">[] = [
  { cron: "0 0 29 2 *" },
  { cron: "0 0 29 2 *", start: "2096-03-01T00:00:00Z" },
  { cron: "30 2 8-14 3 *", zone: "america/new_york", gap: "skip" },
  { cron: "* * 2 * * *", zone: "America/New_York", gap: "skip", start: "2026-03-08T07:00:00Z" },
  { every: { ms: 86_400_000 }, end: "1970-01-01T00:00:01Z" },
  { cron: "@daily", end: "1999-01-01T00:00:00Z" },
  { at: "1999-01-01T00:00:00Z" },
  { at: "2026-03-08T02:30", zone: "America/New_York" },
  { at: "2026-03-08T02:30", zone: "America/New_York", fold: "both", end: "2026-03-08T07:30:01Z" },
  { every: { ms: 86_400_000 }, zone: "Europe/Berlin" },
  { cron: "59 * * * * *", blackouts: [{ cron: "* * * * *", forMs: 59_000 }] },
  { every: { ms: 2_700_000 }, blackouts: [{ cron: "0,45 * * * *", forMs: 60_000 }] },
  { cron: "* * * * *", blackouts: [{ cron: "* 0-22 * * *", forMs: 60_000 }] },
  { cron: "* * * * *", blackouts: [{ cron: "* * * * MON-SAT", forMs: 60_000 }] },
  { cron: "0 * * * *", blackouts: [{ cron: "0 * * JAN-NOV *", forMs: 3_600_000 }] },
  { cron: "0 3 * * *", blackouts: [{ from: "2024-01-01T00:00:00Z", to: "2025-01-01T00:00:00Z" }] },
  { cron: "30 2 * * *", jitterMs: 3_600_000, blackouts: [{ cron: "0 3 * * *", forMs: 3_600_000 }] },
  { every: { ms: 420_000 }, blackouts: [{ cron: "* 1-23 * * *", forMs: 60_000 }] },
  { every: { ms: 7 * DAY_MS }, start: "2026-01-01T00:00:01Z", blackouts: [{ cron: "0 0 * * *", forMs: 1_000 }] },
  { at: "2026-03-08T02:30", blackouts: [{ cron: "0 3 * * *", forMs: 3_600_000 }] },
  // In winter each is in the blackout, in summer none is; and the other way round.
  ...["2026-01-05T02:00:00Z", "2026-07-05T02:00:00Z", undefined].flatMap((start) =>
    [3, 4].map((hour) => ({
      every: { ms: DAY_MS },
      start: start ?? "2026-01-01T02:00:00Z",
      zone: "Europe/Berlin",
      blackouts: [{ cron: `0 ${hour} * * *`, forMs: 3_600_000 }],
    })),
  ),
  ...Array.from({ length: 20 }, (_, minute) => ({
    at: `2026-03-08T02:${10 + minute}`,
    jitterMs: 3_600_000,
    blackouts: [{ cron: "0 3 * * *", forMs: 3_600_000 }],
  })),
];
test.each(SOUND)("nothing is wrong with %j", (rule) => expect(fault(rule)).toBeUndefined());

test.each<[string | undefined, Omit<Schedule, "id">]>([
  ["zone", { every: { ms: 1_000 }, zone: "Mars/Olympus" }],
  ["cron", { cron: "@fortnightly" }],
  ["blackouts.0.cron", { cron: "@daily", blackouts: [{ cron: "0 25 * * *", forMs: 1_000 }] }],
  [undefined, { cron: "0 0 31 2 *" }],
  [undefined, { cron: "30 2 * * FRI#2", zone: "Europe/Berlin", blackouts: [{ cron: "@daily", forMs: 1_000 }] }],
  [undefined, { at: "2020-01-01T00:00" }],
])("of what another version may have taken that is not known of which no slot can be told: %s %#", (field, rule) => {
  for (const _ of ["first", "again"]) expect(findUnknown({ id: "main", ...rule })?.field).toBe(field);
});
