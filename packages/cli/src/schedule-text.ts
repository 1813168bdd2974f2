/** A schedule for people. */
import { catchUpOf } from "@jobs/core";
import type { JobView } from "@jobs/sdk";
import { durationTextOf } from "./duration.ts";

type Scheduled = NonNullable<JobView["schedules"]>[number]["schedule"];

/** When it is due. */
export function ruleOf({ every, cron, at, zone, paused }: Scheduled): string {
  const rule = cron ?? at ?? (every === undefined ? "" : `every ${every.ms / 1000} s`);
  return `${rule}${zone === undefined ? "" : ` ${zone}`}${paused === true ? ", paused" : ""}`;
}

/** What is not as it is when nobody says it, in the words of the options of `jobs schedule`; empty when all is. */
export function settingsOf(schedule: Scheduled): string {
  const { gap = "after", fold, start, end, jitterMs = 0, blackouts = [] } = schedule;
  const [said, usual] = [catchUpOf(schedule), catchUpOf({})];
  const settings = [
    gap !== "after" && `gap ${gap}`,
    fold !== undefined && `fold ${fold}`,
    said.mode !== usual.mode && `catch-up ${said.mode}`,
    said.max !== usual.max && `catch-up-max ${said.max}`,
    said.withinMs !== usual.withinMs && `catch-up-within ${durationTextOf(said.withinMs)}`,
    start !== undefined && `start ${start}`,
    end !== undefined && `end ${end}`,
    jitterMs > 0 && `jitter ${durationTextOf(jitterMs)}`,
    ...blackouts.map(({ from, to, cron, forMs = 0 }) =>
      cron === undefined ? `blackout ${from}/${to}` : `blackout ${cron}/${durationTextOf(forMs)}`,
    ),
  ];
  return settings.filter((one) => one !== false).join(", ");
}
