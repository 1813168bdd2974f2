import { describe, expect, test } from "vitest";
import { CronFault, parseCron } from "./cron.ts";
import { compileCron, wallsOf } from "./walls.ts";

/** The first days of 2026 (a Thursday is the first) that a pattern's day fields name. */
function days(fields: string, limit = 5): string {
  const found: string[] = [];
  for (const wall of wallsOf(compileCron(`0 0 ${fields}`), Date.UTC(2026, 0, 1))) {
    found.push(new Date(wall).toISOString().slice(5, 10));
    if (found.length === limit) break;
  }
  return found.join(" ");
}

describe("fields", () => {
  test.each([
    ["0 0 * * *", [0], [0], [0]],
    ["5 0 0 * * *", [5], [0], [0]],
    ["  1-3,7   */6 * * * ", [0], [1, 2, 3, 7], [0, 6, 12, 18]],
    ["*/20 0-10/5 23 * * *", [0, 20, 40], [0, 5, 10], [23]],
    ["3,1,2,1 ? * ? * ?", [1, 2, 3], Array.from({ length: 60 }, (_, index) => index), undefined],
    ["@hourly", [0], [0], undefined],
    [" @Daily", [0], [0], [0]],
  ])("%j", (text, ...sets) => {
    const [seconds, minutes, hours] = sets;
    const all = Array.from({ length: 24 }, (_, index) => index);
    expect(parseCron(text)).toMatchObject({ seconds, minutes, hours: hours ?? all, isEveryHour: hours === undefined });
  });

  test.each([
    ["* * *", "01-01 01-02 01-03 01-04 01-05"],
    ["13 * 5", "01-02 01-09 01-13 01-16 01-23"],
    ["*/2 * MON", "01-05 01-19 02-09 02-23 03-09"],
    ["1-7 * */7", "01-04 02-01 03-01 04-05 05-03"],
    ["* * 0", "01-04 01-11 01-18 01-25 02-01"],
    ["* * 7", "01-04 01-11 01-18 01-25 02-01"],
    ["* * fri-sun", "01-02 01-03 01-04 01-09 01-10"],
    ["* * 5-7", "01-02 01-03 01-04 01-09 01-10"],
    ["* * SUN-MON", "01-04 01-05 01-11 01-12 01-18"],
    ["? * mon,wed", "01-05 01-07 01-12 01-14 01-19"],
    ["1 JAN-mar/2 *", "01-01 03-01 01-01 03-01 01-01"],
    ["L * *", "01-31 02-28 03-31 04-30 05-31"],
    ["LW * *", "01-30 02-27 03-31 04-30 05-29"],
    ["15W * *", "01-15 02-16 03-16 04-15 05-15"],
    ["* * FRI#2", "01-09 02-13 03-13 04-10 05-08"],
    ["* * 5L", "01-30 02-27 03-27 04-24 05-29"],
    ["* * TUE#L", "01-27 02-24 03-31 04-28 05-26"],
    ["31 * *", "01-31 03-31 05-31 07-31 08-31"],
  ])("the days of %j", (fields, expected) => expect(days(fields)).toBe(expected));

  test.each([
    ["@yearly", "2027-01-01T00:00"],
    ["@annually", "2027-01-01T00:00"],
    ["@monthly", "2026-02-01T00:00"],
    ["@weekly", "2026-01-04T00:00"],
    ["@daily", "2026-01-02T00:00"],
    ["@midnight", "2026-01-02T00:00"],
    ["@hourly", "2026-01-01T01:00"],
  ])("the macro %s", (macro, expected) => {
    const first = wallsOf(compileCron(macro), Date.UTC(2026, 0, 1, 0, 0, 1)).next().value;
    expect(new Date(first ?? 0).toISOString().slice(0, 16)).toBe(expected);
  });
});

test.each([
  ["", "cron has 5 fields (minute, hour, day of month, month, day of week), or 6 with seconds first; this one has 0."],
  ["* * * *", "this one has 4."],
  ["0 0 0 * * * 2026", "this one has 7."],
  ["60 * * * *", 'cron: minute, at character 1: "60" is not in 0–59.'],
  ["0 24 * * *", 'cron: hour, at character 3: "24" is not in 0–23.'],
  ["0 0  0 * *", 'cron: day of month, at character 6: "0" is not in 1–31.'],
  ["0 0 1 13 *", 'cron: month, at character 7: "13" is not in 1–12 or JAN–DEC.'],
  ["0 0 * * 1,8", 'cron: day of week, at character 11: "8" is not in 0–7 or SUN–SAT.'],
  ["0 0 * * MONDAY", 'cron: day of week, at character 9: "MONDAY" is not in 0–7 or SUN–SAT.'],
  ["61 0 0 * * *", 'cron: second, at character 1: "61" is not in 0–59.'],
  ["0,,5 * * * *", "cron: minute, at character 3: a value is missing."],
  ["5, * * * *", "cron: minute, at character 3: a value is missing."],
  ["5/10 * * * *", "cron: minute, at character 1: a step needs a range: write 5-59/10."],
  ["*/0 * * * *", 'cron: minute, at character 1: the step "0" is not in 1–59.'],
  ["*/60 * * * *", 'cron: minute, at character 1: the step "60" is not in 1–59.'],
  ["*/ * * * *", 'cron: minute, at character 1: the step "" is not in 1–59.'],
  ["1-2-3 * * * *", 'cron: minute, at character 1: "1-2-3" is not a value, a range or a step.'],
  ["0 22-2 * * *", 'cron: hour, at character 3: the range "22-2" goes backwards; write two, as in 22-23,0-2.'],
  [
    "0 0 * * FRI-MON",
    'cron: day of week, at character 9: the range "FRI-MON" goes backwards; write two, as in FRI-SUN,MON-MON.',
  ],
  ["-5 * * * *", 'cron: minute, at character 1: "" is not in 0–59.'],
  ["1.5 * * * *", 'cron: minute, at character 1: "1.5" is not in 0–59.'],
  ["0 0 32W * *", 'cron: day of month, at character 5: "32W" is not in 1–31.'],
  ["0 0 * * FRI#6", 'cron: day of week, at character 9: "FRI#6" is not in 0–7 or SUN–SAT.'],
  ["0 0 * * +1", 'cron: day of week, at character 9: "+1" is not in 0–7 or SUN–SAT.'],
  ["@reboot", 'cron: "@reboot" is no macro; no schedule knows when a host boots.'],
  ["@every 5m", 'cron: "@every 5m" is no macro; use every: { ms } in its place.'],
  ["@fortnightly", 'cron: "@fortnightly" is no macro; the known ones are @yearly, @annually'],
  ["@constructor", 'cron: "@constructor" is no macro'],
])("%j is refused with a sentence", (text, sentence) => {
  expect(() => parseCron(text)).toThrow(CronFault);
  expect(() => parseCron(text)).toThrow(sentence);
});
