/** The options of the command line that make a schedule; see `docs/schedules.md`. */
import { JobsError } from "@jobs/core";
import type { Schedule } from "@jobs/sdk";
import { Option } from "commander";
import { durationMsOf } from "./duration.ts";
import { given, madeOf, numberOf } from "./given.ts";

/** As the command line gives them. */
export interface ScheduleOptions {
  readonly id: string;
  readonly cron?: string;
  readonly every?: string;
  readonly at?: string;
  readonly zone?: string;
  readonly gap?: NonNullable<Schedule["gap"]>;
  readonly fold?: NonNullable<Schedule["fold"]>;
  readonly catchUp?: NonNullable<NonNullable<Schedule["catchUp"]>["mode"]>;
  readonly catchUpMax?: string;
  readonly catchUpWithin?: string;
  readonly start?: string;
  readonly end?: string;
  readonly jitter?: string;
  readonly blackout?: readonly string[];
  readonly paused?: boolean;
}

export function scheduleOptions(): Option[] {
  return [
    new Option("--id <id>", "which of the job's schedules").default("main"),
    new Option("--cron <pattern>", "five fields, six with seconds first, or @daily and the like"),
    new Option("--every <time>", "evenly, e.g. 30s, 5m, 2h"),
    new Option("--at <instant>", "once: 2026-12-01T02:30:00+01:00, or a wall clock in --zone"),
    new Option("--zone <zone>", "time zone, e.g. Europe/Berlin (default: UTC)"),
    new Option("--gap <rule>", "a time that the clocks are put over (default: after)").choices([
      "skip",
      "before",
      "after",
    ]),
    new Option("--fold <rule>", "a time that comes twice").choices(["first", "second", "both"]),
    new Option("--catch-up <mode>", "slots that nobody could start in time (default: last)").choices([
      "none",
      "last",
      "all",
    ]),
    new Option("--catch-up-max <number>", "so many of them with all (default: 10)"),
    new Option("--catch-up-within <time>", "older ones are missed (default: 1d)"),
    new Option("--start <instant>", "no slot is before it"),
    new Option("--end <instant>", "no slot is at it or after it"),
    new Option("--jitter <time>", "each slot up to so much later, the same each time"),
    new Option(
      "--blackout <times>",
      "no runs from FROM/TO, or after each time of CRON/TIME; may be repeated",
    ).argParser((one: string, all: string[] | undefined) => [...(all ?? []), one]),
    new Option("--paused", "its slots are skipped for now"),
  ];
}

export function scheduleOf(options: ScheduleOptions): Schedule {
  const { id, cron, every, at, zone, gap, fold, start, end, jitter, blackout, paused } = options;
  const catchUp = given({
    mode: options.catchUp,
    max: madeOf(options.catchUpMax, (text) => numberOf(text, "--catch-up-max", "catchUp.max")),
    withinMs: madeOf(options.catchUpWithin, (text) => durationMsOf(text, "catchUp.withinMs")),
  });
  return {
    id,
    ...given({
      cron,
      every: madeOf(every, (text) => ({ ms: durationMsOf(text, "every.ms") })),
      at,
      zone,
      gap,
      fold,
      catchUp: Object.keys(catchUp).length === 0 ? undefined : catchUp,
      start,
      end,
      jitterMs: madeOf(jitter, (text) => durationMsOf(text, "jitterMs")),
      blackouts: blackout?.map(blackoutOf),
      paused,
    }),
  };
}

/** `FROM/TO`, two instants; or `CRON/TIME`, a pattern (which may hold slashes itself) and how long it lasts. */
function blackoutOf(text: string): NonNullable<Schedule["blackouts"]>[number] {
  const [, first, last] = /^(.+)\/([^/]+)$/.exec(text) ?? [];
  if (first === undefined || last === undefined) {
    const message = `--blackout takes FROM/TO or CRON/TIME, not "${text}".`;
    throw new JobsError("invalid-request", message, { field: "blackouts" });
  }
  return /^\d{4}-/.test(first) ? { from: first, to: last } : { cron: first, forMs: durationMsOf(last, "blackouts") };
}
