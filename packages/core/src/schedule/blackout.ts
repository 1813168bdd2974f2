import type { Blackout, Schedule } from "../domain/schedule.ts";
import { cronRule, momentsOf } from "./moments.ts";

/** Tells of an instant (milliseconds) whether a blackout of the schedule holds then. Throws a `CronFault`. */
export function blackoutTest({ blackouts = [], zone = "UTC" }: Schedule): (ms: number) => boolean {
  const tests = blackouts.map((one) => testOf(one, zone));
  return (ms) => tests.some((test) => test(ms));
}

function testOf({ from = "", to = "", cron, forMs = 0 }: Blackout, zone: string): (ms: number) => boolean {
  if (cron === undefined) {
    const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
    return (ms) => fromMs <= ms && ms < toMs;
  }
  const rule = cronRule(cron, {});
  // Of the windows that begin after `asked`, the first begins at `begins`.
  let asked = Number.NaN;
  let begins = Number.NaN;
  return (ms) => {
    const since = ms - forMs;
    if (!(asked <= since && since < begins)) {
      asked = since;
      begins = momentsOf(rule, zone, since).next().value?.at ?? Number.POSITIVE_INFINITY;
    }
    return begins <= ms;
  };
}
