import { expect, test } from "vitest";
import { catchUpOf, Schedule, StoredSchedule } from "./schedule.ts";

const daily = { id: "main", cron: "@daily" };

test.each([
  [{ ...daily, zone: "Europe/Berlin", gap: "skip", fold: "both", jitterMs: 3_600_000, paused: true }],
  [{ ...daily, start: "2026-12-01T00:00:00Z", end: "2027-01-01T00:00:00+01:00" }],
  [{ ...daily, catchUp: { mode: "all", max: 1_000, withinMs: 1_000 } }],
  [
    {
      ...daily,
      blackouts: [
        { cron: "0 2 * * *", forMs: 1_000 },
        { from: "2026-12-24T00:00:00Z", to: "2026-12-27T00:00:00Z" },
      ],
    },
  ],
  [{ id: "a-1", every: { ms: 1_000 } }],
  [{ id: "x", at: "2026-12-01T02:30", zone: "UTC" }],
  [{ id: "x", at: "2026-12-01T02:30:15" }],
  [{ id: "x", at: "2026-12-01T02:30:00.500Z" }],
  [{ id: "x", at: "2026-12-01T02:30:00-03:30" }],
])("a schedule that may be %#", (schedule) => expect(Schedule.parse(schedule)).toEqual(schedule));

const AT = "at is an instant with seconds and an offset";
const FAULTS: readonly (readonly [field: string, change: Readonly<Record<string, unknown>>, message: string])[] = [
  ["", { cron: "@daily", at: "2026-12-01T02:30" }, "A schedule has exactly one of every, cron and at."],
  ["", { cron: undefined }, "A schedule has exactly one of every, cron and at."],
  ["", { crom: "x" }, "crom"],
  ["id", { id: "Nightly" }, "A schedule's id has up to 40 of a-z, 0-9 and -."],
  ["id", { id: "a".repeat(41) }, "up to 40"],
  ["id", { id: "-a" }, "up to 40"],
  ["id", { id: undefined }, ""],
  ["cron", { cron: 5 }, "cron is a text such as 30 2 * * *."],
  ["cron", { cron: "1,".repeat(101) }, "at most 200"],
  ["every.ms", { cron: undefined, every: { ms: 999 } }, "every.ms is at least 1,000: one second."],
  ["every.ms", { cron: undefined, every: { ms: 1_000.5 } }, "every.ms is a whole number of milliseconds."],
  ["every.ms", { cron: undefined, every: { ms: "5m" } }, "every.ms is a whole number of milliseconds."],
  ["every.ms", { cron: undefined, every: { ms: 366 * 86_400_000 + 1 } }, "every.ms is at most 366 days."],
  ...[
    "2026-12-01",
    "2026-12-01T24:00",
    "2026-02-29T00:00",
    "2026-12-01T02:30:60Z",
    "2026-12-01 02:30",
    "2026-12-01T02:30:00+0100",
    "2026-12-01T02:30:00+25:00",
    "tomorrow",
  ].map((at) => ["at", { cron: undefined, at }, AT] as const),
  ["at", { cron: undefined, at: "2200-01-01T00:00" }, "at is in the years 1970 to 2199."],
  ["start", { start: "1969-12-31T23:59:59Z" }, "start is in the years 1970 to 2199."],
  ["blackouts.0.to", { blackouts: [{ from: "2026-12-01T00:00:00Z", to: "9999-12-01T00:00:00Z" }] }, "1970 to 2199"],
  ["zone", { zone: 2 }, "zone is an IANA name such as Europe/Berlin."],
  ["gap", { gap: "later" }, "skip"],
  ["fold", { fold: "none" }, "first"],
  ["catchUp.mode", { catchUp: { mode: "some" } }, 'catchUp.mode is "none", "last" or "all".'],
  ["catchUp.max", { catchUp: { max: 0 } }, "catchUp.max is at least 1."],
  ["catchUp.max", { catchUp: { max: 1_001 } }, "catchUp.max is at most 1,000."],
  ["catchUp.withinMs", { catchUp: { withinMs: 10 } }, "catchUp.withinMs is at least 1,000: one second."],
  ["start", { start: "2026-12-01T00:00" }, "start is an instant with seconds and an offset"],
  ["end", { end: "2026-12-32T00:00:00Z" }, "end is an instant with seconds and an offset"],
  ["jitterMs", { jitterMs: -1 }, "jitterMs is not negative."],
  ["jitterMs", { jitterMs: 3_600_001 }, "jitterMs is at most 1 hour: 3,600,000."],
  ["paused", { paused: "yes" }, "paused is true or false."],
  [
    "blackouts.0",
    { blackouts: [{ from: "2026-12-01T00:00:00Z" }] },
    "A blackout is either { from, to } or { cron, forMs }.",
  ],
  ["blackouts.0", { blackouts: [{ cron: "@daily" }] }, "A blackout is either"],
  [
    "blackouts.1.forMs",
    {
      blackouts: [
        { cron: "@daily", forMs: 5_000 },
        { cron: "@daily", forMs: 1 },
      ],
    },
    "forMs is at least 1,000",
  ],
  ["blackouts.0.to", { blackouts: [{ from: "2026-12-01T00:00:00Z", to: "soon" }] }, "to is an instant with seconds"],
  [
    "blackouts",
    { blackouts: Array.from({ length: 21 }, () => ({ cron: "@daily", forMs: 1_000 })) },
    "at most 20 blackouts",
  ],
];
test.each(FAULTS)("a fault is said with its field: %s %#", (field, change, message) => {
  const issue = Schedule.safeParse({ ...daily, ...change }).error?.issues[0];
  expect(issue?.path.join(".")).toBe(field);
  expect(issue?.message).toContain(message);
});

test.each<[string, object]>([
  ["every", { cron: undefined, every: { ms: 1_000, moon: "full" } }],
  ["catchUp", { catchUp: { moon: "full" } }],
  ["blackouts.0", { blackouts: [{ cron: "@daily", forMs: 1_000, moon: "full" }] }],
])("what nobody knows is refused within it, too: %s", (field, change) => {
  const issue = Schedule.safeParse({ ...daily, ...change }).error?.issues[0];
  expect(issue).toMatchObject({ code: "unrecognized_keys", keys: ["moon"] });
  expect(issue?.path.join(".")).toBe(field);
});

test("a record keeps what a newer server wrote", () => {
  expect(StoredSchedule.parse({ ...daily, moon: "full" })).toEqual({ ...daily, moon: "full" });
});

test("what nobody says of catching up has defaults", () => {
  expect(catchUpOf({})).toEqual({ mode: "last", max: 10, withinMs: 86_400_000 });
  expect(catchUpOf({ catchUp: { mode: "all", max: 3 } })).toEqual({ mode: "all", max: 3, withinMs: 86_400_000 });
});
