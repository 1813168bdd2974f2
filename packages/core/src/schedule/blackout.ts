import type { Blackout, Schedule } from "../domain/schedule.ts";
import { cronRule, momentsOf } from "./moments.ts";

/** Tells of an instant (milliseconds) whether a blackout of the schedule holds then. Throws a `CronFault`. */
export function blackoutTest(schedule: Schedule): (ms: number) => boolean {
  const endOf = blackoutEnds(schedule);
  return (ms) => endOf(ms) !== undefined;
}

/** Tells of an instant when the blackout ends that holds then, the one that ends last; undefined when none does. Throws a `CronFault`. */
export function blackoutEnds({ blackouts = [], zone = "UTC" }: Schedule): (ms: number) => number | undefined {
  const ends = blackouts.map((one) => endOf(one, zone));
  return (ms) => {
    let last: number | undefined;
    for (const end of ends) {
      const endMs = end(ms);
      if (endMs !== undefined) last = Math.max(endMs, last ?? endMs);
    }
    return last;
  };
}

function endOf({ from = "", to = "", cron, forMs = 0 }: Blackout, zone: string): (ms: number) => number | undefined {
  if (cron === undefined) {
    const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
    return (ms) => (fromMs <= ms && ms < toMs ? toMs : undefined);
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
    return begins <= ms ? begins + forMs : undefined;
  };
}
