/**
 * Slots against two oracles that share nothing with them: another cron library where the clocks are never changed; and around changes, a walk
 * through every minute by the zone tables of `Intl` and the disambiguation of Temporal.
 */
import { CronExpressionParser } from "cron-parser";
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import type { Schedule } from "../domain/schedule.ts";
import { parseCron } from "./cron.ts";
import { nextSlot, slotsOf, type ExpectedSlot } from "./slots.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

interface FieldBounds {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

function field({ min, max, names }: FieldBounds): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map((two) => two.toSorted((one, other) => one - other).join("-"));
  const step = fc.integer({ min: 1, max: max - min });
  // The other library refuses a list that names a value twice.
  const list = (one: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.uniqueArray(one, { minLength: 1, maxLength: 4 }).map((items) => items.join(","));
  return fc.oneof(
    fc.constant("*"),
    step.map((by) => `*/${by}`),
    range,
    fc.tuple(range, step).map(([one, by]) => `${one}/${by}`),
    list(value.map(String)),
    ...(names === undefined ? [] : [list(fc.constantFrom(...names))]),
  );
}

const second = field({ min: 0, max: 59 });
const minute = field({ min: 0, max: 59 });
const hour = field({ min: 0, max: 23 });
const dayOfMonth = fc.oneof(
  { weight: 6, arbitrary: field({ min: 1, max: 31 }) },
  { weight: 1, arbitrary: fc.constant("L") },
);
const month = field({ min: 1, max: 12, names: ["JAN", "feb", "Mar", "DEC"] });
const dayOfWeek = fc.oneof(
  { weight: 6, arbitrary: field({ min: 0, max: 6, names: ["SUN", "mon", "Fri"] }) },
  { weight: 1, arbitrary: fc.constantFrom("FRI#2", "1#5", "0L", "5L", "7", "1-5", "4-7") },
);
/** What is a matter of opinion is left out: whether a star with a step restricts a day (cron says that it does not). */
const days = fc
  .tuple(dayOfMonth, month, dayOfWeek)
  .filter(([dom, , dow]) => dom === "*" || dow === "*" || !(dom.startsWith("*") || dow.startsWith("*")));
const cron = fc
  .tuple(fc.option(second, { nil: undefined }), minute, hour, days)
  .map(([seconds, minutes, hours, ofDays]) =>
    [...(seconds === undefined ? [] : [seconds]), minutes, hours, ...ofDays].join(" "),
  );

const instant = fc.integer({ min: Date.UTC(1990, 0, 1), max: Date.UTC(2080, 0, 1) });

function take(schedule: Schedule, after: number, limit: number): ExpectedSlot[] {
  return [...slotsOf(schedule, { job: "nightly", after, limit })];
}

describe("another cron library says the same", () => {
  const STEADY = ["UTC", "Asia/Kolkata", "Asia/Tokyo", "Etc/GMT+5", "Africa/Lagos"];
  test("over random patterns and years", () => {
    let compared = 0;
    const property = fc.property(cron, instant, fc.constantFrom(...STEADY), (text, after, zone) => {
      const ours = take({ id: "main", cron: text, zone }, after, 5).map(({ at }) => at);
      const other = CronExpressionParser.parse(text, { currentDate: new Date(after), tz: zone });
      const theirs: number[] = [];
      try {
        while (theirs.length < ours.length) theirs.push(other.next().getTime());
      } catch {
        // It gives up on patterns that are silent for long.
      }
      expect(ours.slice(0, theirs.length), `${text} in ${zone} after ${new Date(after).toISOString()}`).toEqual(theirs);
      compared += theirs.length;
    });
    fc.assert(property, { numRuns: 600 });
    expect(compared).toBeGreaterThan(2_000);
  });
});

describe("around the changes of the clocks", () => {
  const CHANGES: readonly (readonly [zone: string, instant: string])[] = [
    ["America/New_York", "2026-03-08T07:00:00Z"],
    ["America/New_York", "2026-11-01T06:00:00Z"],
    ["Europe/London", "2026-03-29T01:00:00Z"],
    ["Europe/London", "2026-10-25T01:00:00Z"],
    ["America/Santiago", "2026-04-05T03:00:00Z"],
    ["America/Santiago", "2026-09-06T04:00:00Z"],
    ["Australia/Lord_Howe", "2026-04-04T15:00:00Z"],
    ["Australia/Lord_Howe", "2026-10-03T15:30:00Z"],
    ["Africa/Casablanca", "2026-02-15T02:00:00Z"],
    ["Africa/Casablanca", "2026-03-22T02:00:00Z"],
    ["Europe/Istanbul", "2016-03-27T01:00:00Z"],
    ["America/Sao_Paulo", "2018-11-04T03:00:00Z"],
    ["America/Sao_Paulo", "2019-02-17T02:00:00Z"],
    ["Asia/Pyongyang", "2018-05-04T15:00:00Z"],
    ["Pacific/Apia", "2011-12-30T10:00:00Z"],
  ];

  interface WallMinute {
    readonly wall: string;
    readonly hour: number;
    readonly minute: number;
    /** When the clock shows it: once, twice, or never. */
    readonly ats: number[];
  }

  /** What the clocks show, or leave out, from two days before a change until two days after it, minute by minute. */
  const walks = CHANGES.map(([zone, changeAt]) => {
    const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" });
    const from = Date.parse(changeAt) - 2 * DAY_MS;
    const to = from + 4 * DAY_MS;
    const byWall = new Map<string, WallMinute>();
    const see = (wall: string, at?: number): void => {
      const known = byWall.get(wall) ?? {
        wall,
        hour: Number(wall.slice(11, 13)),
        minute: Number(wall.slice(14)),
        ats: [],
      };
      if (at !== undefined) known.ats.push(at);
      byWall.set(wall, known);
    };
    const wallAt = (at: number): string => format.format(at).replace(" ", "T");
    for (let at = from; at < to; at += MINUTE_MS) see(wallAt(at), at);
    for (let ms = Date.parse(`${wallAt(from)}Z`); ms < Date.parse(`${wallAt(to)}Z`); ms += MINUTE_MS) {
      see(new Date(ms).toISOString().slice(0, 16));
    }
    return { zone, from, to, minutes: [...byWall.values()] };
  });
  type Walk = (typeof walks)[number];

  const rule = fc.record({
    cron: fc
      .tuple(
        fc.oneof(fc.constant("*"), fc.constantFrom("*/15", "*/7", "0", "30", "5,50", "0-20/4"), minute),
        fc.oneof(fc.constantFrom("*", "*/2", "0-23", "0-3", "0,23", "1", "2"), hour),
      )
      .map((two) => `${two.join(" ")} * * *`),
    gap: fc.option(fc.constantFrom("skip" as const, "before" as const, "after" as const), { nil: undefined }),
    fold: fc.option(fc.constantFrom("first" as const, "second" as const, "both" as const), { nil: undefined }),
  });
  type Rule = typeof rule extends fc.Arbitrary<infer T> ? T : never;

  function expectedOn(walk: Walk, { cron: text, gap = "after", fold }: Rule): string[] {
    const { minutes, hours } = parseCron(text);
    const isEveryHour = hours.length === 24;
    const pass = isEveryHour ? "both" : (fold ?? (text.startsWith("*") ? "both" : "first"));
    const found = new Set<string>();
    for (const { wall, ats, ...shown } of walk.minutes) {
      if (!hours.includes(shown.hour) || !minutes.includes(shown.minute)) continue;
      const counted = pass === "both" ? ats : pass === "first" ? ats.slice(0, 1) : ats.slice(-1);
      for (const at of counted) found.add(new Date(at).toISOString());
      if (ats.length > 0 || isEveryHour) continue;
      const disambiguation = gap === "before" ? "earlier" : "later";
      const moved = Temporal.PlainDateTime.from(wall).toZonedDateTime(walk.zone, { disambiguation }).epochMilliseconds;
      found.add(gap === "skip" ? `${new Date(moved + 1).toISOString()} dst-gap` : new Date(moved).toISOString());
    }
    return [...found].toSorted();
  }

  test("a walk through every minute finds the same slots", () => {
    const property = fc.property(fc.constantFrom(...walks), rule, (walk, rules) => {
      const schedule: Schedule = { id: "main", zone: walk.zone, cron: rules.cron };
      if (rules.gap !== undefined) schedule.gap = rules.gap;
      if (rules.fold !== undefined) schedule.fold = rules.fold;
      const slots = [...slotsOf(schedule, { job: "nightly", after: walk.from - 1, until: walk.to - 1 })].map(
        ({ at, skip }) => `${new Date(at).toISOString()}${skip === undefined ? "" : ` ${skip}`}`,
      );
      expect(slots.join("\n"), JSON.stringify(schedule)).toBe(expectedOn(walk, rules).join("\n"));
    });
    fc.assert(property, { numRuns: 400 });
  });
});

describe("slots of any schedule", () => {
  const ZONES = [
    "UTC",
    "America/New_York",
    "Europe/London",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
  ];
  const text = (ms: number): string => new Date(ms).toISOString();
  const schedule: fc.Arbitrary<Schedule> = fc.record(
    {
      id: fc.constant("main"),
      zone: fc.constantFrom(...ZONES),
      gap: fc.constantFrom("skip" as const, "before" as const, "after" as const),
      fold: fc.constantFrom("first" as const, "second" as const, "both" as const),
      start: instant.map((ms) => text(ms)),
      end: instant.map((ms) => text(ms)),
      jitterMs: fc.integer({ min: 0, max: HOUR_MS }),
      blackouts: fc.array(fc.record({ cron, forMs: fc.integer({ min: 1_000, max: DAY_MS }) }), { maxLength: 2 }),
    },
    { requiredKeys: ["id"] },
  );
  const when = fc.oneof(
    cron.map((one) => ({ cron: one })),
    fc.integer({ min: 1_000, max: 40 * DAY_MS }).map((ms) => ({ every: { ms } })),
    instant.map((ms) => ({ at: text(ms).slice(0, 19) })),
  );
  const any = fc.tuple(schedule, when).map(([one, other]): Schedule => ({ ...one, ...other }));

  test("rise, are none twice, come after the instant, within start and end, and are the same from wherever one asks", () => {
    const property = fc.property(any, instant, fc.nat(19), (one, after, index) => {
      const slots = take(one, after, 20);
      let last = after;
      let lastDue = after;
      for (const { at, dueAt } of slots) {
        expect(at).toBeGreaterThan(last);
        expect(dueAt).toBeGreaterThan(lastDue);
        lastDue = dueAt;
        expect(dueAt - at).toBeGreaterThanOrEqual(0);
        expect(dueAt - at).toBeLessThanOrEqual(one.jitterMs ?? 0);
        if (one.start !== undefined) expect(at).toBeGreaterThanOrEqual(Date.parse(one.start));
        if (one.end !== undefined) expect(at).toBeLessThan(Date.parse(one.end));
        last = at;
      }
      const middle = slots[index];
      if (middle === undefined) return;
      expect(take(one, middle.at, 19 - index)).toEqual(slots.slice(index + 1));
      expect(nextSlot(one, { job: "nightly", after: middle.at - 1 })).toEqual(middle);
      const until = [...slotsOf(one, { job: "nightly", after, until: middle.at })];
      expect(until).toEqual(slots.slice(0, index + 1));
    });
    fc.assert(property, { numRuns: 300 });
  });
});
