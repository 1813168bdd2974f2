import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FoldRule, GapRule, Schedule } from "../domain/schedule.ts";
import { nextFiring, nextSlot, slotsOf } from "./slots.ts";

type Rule = Omit<Schedule, "id">;

/** Of the slots from one instant until before another, what the wall clock shows (less date and zone), and what is said of them. */
function seen(rule: Rule, from: string, to: string): string[] {
  const range = { job: "nightly", after: Date.parse(from) - 1, until: Date.parse(to) - 1 };
  return [...slotsOf({ id: "main", ...rule }, range)].map(({ at, wall, skip, change, meant }) => {
    const clock = wall.slice(5, wall.indexOf("["));
    const isTheInstant = skip === "dst-gap" || Date.parse(wall.slice(0, wall.indexOf("["))) === at;
    expect(isTheInstant, `${wall} is ${new Date(at).toISOString()}`).toBe(true);
    return [clock, change, skip, meant && `for ${meant.slice(11, 16)}`].filter((one) => one !== undefined).join(" ");
  });
}

const GAPS: Readonly<Record<string, { rule: Rule; day: [string, string]; expected: Record<GapRule, string[]> }>> = {
  "New York, an hour at 2:00": {
    rule: { cron: "30 2 * * *", zone: "America/New_York" },
    day: ["2026-03-08T00:00:00-05:00", "2026-03-10T00:00:00-04:00"],
    expected: {
      skip: ["03-08T02:30:00 gap dst-gap", "03-09T02:30:00-04:00"],
      before: ["03-08T01:30:00-05:00 gap for 02:30", "03-09T02:30:00-04:00"],
      after: ["03-08T03:30:00-04:00 gap for 02:30", "03-09T02:30:00-04:00"],
    },
  },
  "London, an hour at 1:00": {
    rule: { cron: "0 1 * * *", zone: "Europe/London" },
    day: ["2026-03-29T00:00:00Z", "2026-03-30T00:00:00+01:00"],
    expected: {
      skip: ["03-29T01:00:00 gap dst-gap"],
      before: ["03-29T00:00:00+00:00 gap for 01:00"],
      after: ["03-29T02:00:00+01:00 gap for 01:00"],
    },
  },
  "Santiago, an hour at midnight": {
    rule: { cron: "15 0 * * *", zone: "America/Santiago" },
    day: ["2026-09-05T12:00:00-04:00", "2026-09-06T12:00:00-03:00"],
    expected: {
      skip: ["09-06T00:15:00 gap dst-gap"],
      before: ["09-05T23:15:00-04:00 gap for 00:15"],
      after: ["09-06T01:15:00-03:00 gap for 00:15"],
    },
  },
  "Lord Howe, half an hour at 2:00": {
    rule: { cron: "10,40 2 * * *", zone: "Australia/Lord_Howe" },
    day: ["2026-10-04T00:00:00+10:30", "2026-10-04T12:00:00+11:00"],
    expected: {
      skip: ["10-04T02:40:00+11:00 gap", "10-04T02:10:00 gap dst-gap"],
      before: ["10-04T01:40:00+10:30 gap for 02:10", "10-04T02:40:00+11:00 gap"],
      after: ["10-04T02:40:00+11:00 gap"],
    },
  },
  "Casablanca, an hour at 2:00, after Ramadan": {
    rule: { cron: "30 2 * * *", zone: "Africa/Casablanca" },
    day: ["2026-03-22T00:00:00Z", "2026-03-23T00:00:00+01:00"],
    expected: {
      skip: ["03-22T02:30:00 gap dst-gap"],
      before: ["03-22T01:30:00+00:00 gap for 02:30"],
      after: ["03-22T03:30:00+01:00 gap for 02:30"],
    },
  },
  "Apia, a whole day": {
    rule: { cron: "0 9 * * *", zone: "Pacific/Apia" },
    day: ["2011-12-29T00:00:00-10:00", "2012-01-01T00:00:00+14:00"],
    expected: {
      skip: ["12-29T09:00:00-10:00", "12-31T09:00:00+14:00", "12-30T09:00:00 gap dst-gap"],
      before: ["12-29T09:00:00-10:00", "12-31T09:00:00+14:00"],
      after: ["12-29T09:00:00-10:00", "12-31T09:00:00+14:00"],
    },
  },
};

describe.each(Object.entries(GAPS))("clocks go forward: %s", (_, { rule, day, expected }) => {
  test.each(["skip", "before", "after"] as const)("gap: %s", (gap) => {
    for (const fold of [undefined, "first", "second", "both"] as const) {
      expect(seen({ ...rule, gap, ...(fold === undefined ? {} : { fold }) }, ...day)).toEqual(expected[gap]);
    }
  });
  test.each(["skip", "before", "after"] as const)("the slots go on after each: gap: %s", (gap) => {
    const schedule: Schedule = { id: "main", ...rule, gap };
    const range = { job: "nightly", after: Date.parse(day[0]), until: Date.parse(day[1]) };
    const slots = [...slotsOf(schedule, range)];
    for (const [index, { at }] of slots.entries()) {
      expect(nextSlot(schedule, { job: "nightly", after: at - 1 })).toEqual(slots[index]);
      expect([...slotsOf(schedule, { ...range, after: at })]).toEqual(slots.slice(index + 1));
    }
  });
  test("without a rule it is as with after", () => expect(seen(rule, ...day)).toEqual(expected.after));
});

const FOLDS: Readonly<Record<string, { rule: Rule; day: [string, string]; first: string[]; second: string[] }>> = {
  "New York, an hour at 2:00": {
    rule: { cron: "30 1 * * *", zone: "America/New_York" },
    day: ["2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"],
    first: ["11-01T01:30:00-04:00 fold"],
    second: ["11-01T01:30:00-05:00 fold"],
  },
  "London, an hour at 2:00": {
    rule: { cron: "0,59 1 * * *", zone: "Europe/London" },
    day: ["2026-10-25T00:00:00+01:00", "2026-10-26T00:00:00Z"],
    first: ["10-25T01:00:00+01:00 fold", "10-25T01:59:00+01:00 fold"],
    second: ["10-25T01:00:00+00:00 fold", "10-25T01:59:00+00:00 fold"],
  },
  "Santiago, an hour at midnight": {
    rule: { cron: "30 23 * * *", zone: "America/Santiago" },
    day: ["2026-04-04T12:00:00-03:00", "2026-04-05T12:00:00-04:00"],
    first: ["04-04T23:30:00-03:00 fold"],
    second: ["04-04T23:30:00-04:00 fold"],
  },
  "Lord Howe, half an hour at 2:00": {
    rule: { cron: "45 1 * * *", zone: "Australia/Lord_Howe" },
    day: ["2026-04-05T00:00:00+11:00", "2026-04-05T12:00:00+10:30"],
    first: ["04-05T01:45:00+11:00 fold"],
    second: ["04-05T01:45:00+10:30 fold"],
  },
  "Casablanca, an hour at 3:00, before Ramadan": {
    rule: { cron: "30 2 * * *", zone: "Africa/Casablanca" },
    day: ["2026-02-15T00:00:00+01:00", "2026-02-16T00:00:00Z"],
    first: ["02-15T02:30:00+01:00 fold"],
    second: ["02-15T02:30:00+00:00 fold"],
  },
};

describe.each(Object.entries(FOLDS))("clocks go back: %s", (_, { rule, day, first, second }) => {
  const withRules = (gap: GapRule, fold: FoldRule): string[] => seen({ ...rule, gap, fold }, ...day);
  test.each(["skip", "before", "after"] as const)("with gap: %s, each fold rule", (gap) => {
    expect(withRules(gap, "first")).toEqual(first);
    expect(withRules(gap, "second")).toEqual(second);
    expect(withRules(gap, "both")).toEqual([...first, ...second]);
  });
  test("without a rule it is as with first", () => expect(seen(rule, ...day)).toEqual(first));
});

describe("patterns that go on evenly", () => {
  const NIGHT: [string, string] = ["2026-11-01T00:30:00-04:00", "2026-11-01T02:30:00-05:00"];
  const zone = "America/New_York";

  test.each(["first", "second", "both", undefined] as const)(
    "never stand still in an hour that comes twice: %s",
    (fold) => {
      const rules = { zone, ...(fold === undefined ? {} : { fold }) };
      expect(seen({ cron: "0 * * * *", ...rules }, ...NIGHT)).toEqual([
        "11-01T01:00:00-04:00 fold",
        "11-01T01:00:00-05:00 fold",
        "11-01T02:00:00-05:00 fold",
      ]);
      for (const [cron, everyMs] of [
        ["* * * * *", 60_000],
        ["*/15 * * * *", 900_000],
        ["30 0-23 * * *", 3_600_000],
        ["*/20 * * * * *", 20_000],
      ] as const) {
        const range = { job: "j", after: Date.parse(NIGHT[0]), until: Date.parse("2026-11-02T00:00:00Z") };
        const ats = [...slotsOf({ id: "main", cron, ...rules }, range)].map(({ at }) => at);
        expect(ats.length).toBeGreaterThan(15);
        expect(new Set(ats.slice(1).map((at, index) => at - (ats[index] ?? 0)))).toEqual(new Set([everyMs]));
      }
    },
  );

  test.each(["skip", "before", "after"] as const)(
    "have no slot more and none less in an hour that is not: %s",
    (gap) => {
      for (const cron of ["*/15 * * * *", "7,22,37,52 * * * *"]) {
        const range = {
          job: "j",
          after: Date.parse("2026-03-08T00:00:00Z"),
          until: Date.parse("2026-03-09T00:00:00Z"),
        };
        const slots = [...slotsOf({ id: "main", cron, zone, gap }, range)];
        expect(slots).toHaveLength(96);
        expect(slots.filter(({ skip }) => skip !== undefined)).toEqual([]);
      }
    },
  );

  test("in some hours, they fire in both passes if nobody says otherwise", () => {
    const rule = { cron: "*/30 0-1 * * *", zone };
    const both = ["01:00:00-04:00", "01:30:00-04:00", "01:00:00-05:00", "01:30:00-05:00"].map(
      (one) => `11-01T${one} fold`,
    );
    const night: [string, string] = ["2026-11-01T00:45:00-04:00", "2026-11-01T12:00:00-05:00"];
    expect(seen(rule, ...night)).toEqual(both);
    expect(seen({ ...rule, fold: "first" }, ...night)).toEqual(both.slice(0, 2));
    expect(seen({ ...rule, fold: "second" }, ...night)).toEqual(both.slice(2));
    expect(seen({ ...rule, cron: "0,30 0-1 * * *" }, ...night)).toEqual(both.slice(0, 2));
  });
});

describe("every", () => {
  const day: [string, string] = ["2026-03-08T01:00:00-05:00", "2026-03-08T05:00:00-04:00"];
  test("counts from 1970 or from its start, whatever the clocks do", () => {
    expect(seen({ every: { ms: 3_600_000 }, zone: "America/New_York" }, ...day)).toEqual([
      "03-08T01:00:00-05:00 gap",
      "03-08T03:00:00-04:00 gap",
      "03-08T04:00:00-04:00 gap",
    ]);
    expect(seen({ every: { ms: 5_400_000 }, start: "2026-03-08T06:10:00Z" }, ...day)).toEqual([
      "03-08T06:10:00+00:00",
      "03-08T07:40:00+00:00",
    ]);
  });
  test("of many years is told at once, from any instant on", () => {
    const schedule: Schedule = { id: "main", every: { ms: 1_000 } };
    const after = Date.UTC(2000, 0, 1);
    expect(nextSlot(schedule, { job: "j", after })?.at).toBe(after + 1_000);
    expect(nextSlot(schedule, { job: "j", after: after + 1 })?.at).toBe(after + 1_000);
    expect(nextSlot(schedule, { job: "j", after: after - 1 })?.at).toBe(after);
  });
});

describe("at", () => {
  const year: [string, string] = ["2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"];
  test("an instant is one slot, shown in the zone", () => {
    const at = "2026-07-01T12:00:00+02:00";
    expect(seen({ at }, ...year)).toEqual(["07-01T10:00:00+00:00"]);
    expect(seen({ at, zone: "Asia/Tokyo" }, ...year)).toEqual(["07-01T19:00:00+09:00"]);
  });
  test("a time of the wall clock follows the rules of the gap and the fold", () => {
    const gap = { at: "2026-03-08T02:30", zone: "America/New_York" };
    expect(seen(gap, ...year)).toEqual(["03-08T03:30:00-04:00 gap for 02:30"]);
    expect(seen({ ...gap, gap: "before" }, ...year)).toEqual(["03-08T01:30:00-05:00 gap for 02:30"]);
    expect(seen({ ...gap, gap: "skip" }, ...year)).toEqual(["03-08T02:30:00 gap dst-gap"]);
    const fold = { at: "2026-11-01T01:30:15", zone: "America/New_York" };
    expect(seen(fold, ...year)).toEqual(["11-01T01:30:15-04:00 fold"]);
    expect(seen({ ...fold, fold: "second" }, ...year)).toEqual(["11-01T01:30:15-05:00 fold"]);
    expect(seen({ ...fold, fold: "both" }, ...year)).toEqual([
      "11-01T01:30:15-04:00 fold",
      "11-01T01:30:15-05:00 fold",
    ]);
  });
});

describe("zones that changed their rule", () => {
  test("Istanbul stays at +03:00 since 2016", () => {
    const rule = { cron: "0 12 1 1,7 *", zone: "Europe/Istanbul" };
    expect(seen(rule, "2015-06-01T00:00:00Z", "2018-01-01T00:00:00Z")).toEqual([
      "07-01T12:00:00+03:00",
      "01-01T12:00:00+02:00",
      "07-01T12:00:00+03:00",
      "01-01T12:00:00+03:00",
      "07-01T12:00:00+03:00",
    ]);
  });
  test("Sao Paulo has no summer time since 2019", () => {
    const rule = { cron: "0 12 15 12 *", zone: "America/Sao_Paulo" };
    expect(seen(rule, "2018-01-01T00:00:00Z", "2021-01-01T00:00:00Z")).toEqual([
      "12-15T12:00:00-02:00",
      "12-15T12:00:00-03:00",
      "12-15T12:00:00-03:00",
    ]);
  });
});

describe("leap days", () => {
  const leapDays = (rule: Rule, limit: number): string[] => {
    const range = { job: "j", after: Date.UTC(2095, 0, 1), limit };
    return [...slotsOf({ id: "main", ...rule }, range)].map(({ at }) => new Date(at).toISOString().slice(0, 10));
  };
  test("29 February comes every four years, across 2100 after eight", () => {
    expect(leapDays({ cron: "0 0 29 2 *" }, 3)).toEqual(["2096-02-29", "2104-02-29", "2108-02-29"]);
  });
  test("the last day of February is one of each year", () => {
    expect(leapDays({ cron: "0 0 L 2 *" }, 2)).toEqual(["2095-02-28", "2096-02-29"]);
  });
});

describe("start, end and blackouts", () => {
  const slots = (rule: Rule): string[] =>
    [
      ...slotsOf({ id: "main", cron: "0 * * * *", ...rule }, { job: "j", after: Date.UTC(2026, 0, 1) - 1, limit: 6 }),
    ].map(({ at, skip = "" }) => new Date(at).toISOString().slice(8, 13) + skip);
  test("start is the first instant, end is after the last", () => {
    expect(slots({ start: "2026-01-01T02:00:00Z", end: "2026-01-01T04:00:00Z" })).toEqual(["01T02", "01T03"]);
  });
  test("a blackout skips from its first instant until before its last", () => {
    expect(slots({ blackouts: [{ from: "2026-01-01T01:00:00Z", to: "2026-01-01T03:00:00Z" }] }).slice(0, 4)).toEqual([
      "01T00",
      "01T01blackout",
      "01T02blackout",
      "01T03",
    ]);
  });
  test("a blackout by a pattern lasts for its time, in the schedule's zone", () => {
    const blackouts = [{ cron: "0 3 * * *", forMs: 7_200_000 }];
    expect(slots({ blackouts, zone: "Europe/Berlin" }).slice(1, 5)).toEqual([
      "01T01",
      "01T02blackout",
      "01T03blackout",
      "01T04",
    ]);
    expect(slots({ blackouts: [{ cron: "0 23 * * *", forMs: 14_400_000 }] }).slice(0, 4)).toEqual([
      "01T00blackout",
      "01T01blackout",
      "01T02blackout",
      "01T03",
    ]);
  });
  test("a slot whose jitter would lead into a blackout is skipped", () => {
    const rule: Schedule = { id: "main", cron: "0 * * * *", jitterMs: 3_600_000 };
    const range = { job: "j", after: Date.UTC(2026, 0, 1), limit: 50 };
    const late = [...slotsOf(rule, range)].find(({ at, dueAt }) => dueAt - at > 60_000);
    expect(late).toBeDefined();
    const [at = 0, dueAt = 0] = [late?.at, late?.dueAt];
    const blackouts = [{ from: new Date(dueAt).toISOString(), to: new Date(dueAt + 1).toISOString() }];
    expect(nextSlot({ ...rule, blackouts }, { job: "j", after: at - 1 })).toMatchObject({ at, skip: "blackout" });
  });
});

describe("the next firing", () => {
  const firing = (schedule: Partial<Schedule>, after = "2026-03-01T00:00:00Z"): string | undefined => {
    const slot = nextFiring(
      { id: "main", cron: "* * * * * *", ...schedule },
      { job: "j", after: Date.parse(after), dueAfter: 0 },
    );
    return slot === undefined ? undefined : new Date(slot.at).toISOString();
  };

  test("is the first after blackouts, however many slots are in them", () => {
    const freeze = { from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z" };
    const nights = { cron: "0 22 * * *", forMs: 8 * 3_600_000 };
    expect(firing({ blackouts: [freeze] })).toBe("2026-04-01T00:00:00.000Z");
    expect(firing({ blackouts: [freeze, nights] })).toBe("2026-04-01T06:00:00.000Z");
    expect(firing({ cron: "0 2 * * *", blackouts: [nights] })).toBeUndefined();
  });
  test("is the same as the first one that is not skipped", () => {
    const property = fc.property(
      fc.integer({ min: 0, max: 3_600_000 }),
      fc.integer({ min: 1_000, max: 90_000_000 }),
      (jitterMs, forMs) => {
        const schedule: Schedule = {
          id: "main",
          cron: "*/20 * * * *",
          jitterMs,
          blackouts: [{ cron: "30 1 * * 1,4", forMs }],
        };
        const after = Date.UTC(2026, 2, 1);
        const expected = [...slotsOf(schedule, { job: "j", after, limit: 500 })].find(
          ({ skip, dueAt }) => skip === undefined && dueAt > after + 1_000_000,
        );
        expect(nextFiring(schedule, { job: "j", after, dueAfter: after + 1_000_000 })).toEqual(expected);
      },
    );
    fc.assert(property, { numRuns: 50 });
  });
});

describe("jitter", () => {
  const schedule: Schedule = { id: "main", cron: "*/10 * * * *", jitterMs: 300_000 };
  const delays = (job: string, change: Partial<Schedule> = {}, after = 0): number[] =>
    [...slotsOf({ ...schedule, ...change }, { job, after, limit: 1_000 })].map(({ at, dueAt }) => dueAt - at);

  test("is the same for the same slot, from wherever it is asked for", () => {
    const all = delays("a");
    expect(delays("a")).toEqual(all);
    expect(delays("a", {}, 600_000 * 500).slice(0, 500)).toEqual(all.slice(500));
  });
  test("is another one for another job or schedule", () => {
    expect(delays("b")).not.toEqual(delays("a"));
    expect(delays("a", { id: "other" })).not.toEqual(delays("a"));
  });
  test("spreads evenly up to its bound and not beyond", () => {
    const all = delays("a");
    expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...all)).toBeLessThanOrEqual(300_000);
    for (let part = 0; part < 10; part++) {
      const count = all.filter((one) => Math.floor(one / 30_000) === part).length;
      expect(count).toBeGreaterThan(60);
      expect(count).toBeLessThan(140);
    }
  });
  test("makes no slot as late as the next one, and the last one as late as any", () => {
    const all = delays("a", { jitterMs: 3_600_000 });
    expect(Math.max(...all)).toBeLessThan(600_000);
    expect(Math.max(...all)).toBeGreaterThan(590_000);
    const once = { id: "main", at: "2026-03-01T12:00:00Z", jitterMs: 3_600_000 };
    const late = ["a", "b", "c", "d", "e"].map((job) => nextSlot(once, { job, after: 0 }));
    expect(Math.max(...late.map((slot) => (slot?.dueAt ?? 0) - (slot?.at ?? 0)))).toBeGreaterThan(600_000);
  });
  test("is none where nobody asks for it", () => {
    expect(new Set(delays("a", { jitterMs: 0 }))).toEqual(new Set([0]));
  });
});
