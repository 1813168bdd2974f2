import type { Schedule } from "../domain/schedule.ts";
import { blackoutEnds } from "./blackout.ts";
import { nextSlot } from "./slots.ts";
import { compileCron, DAY_MS, SILENT_AT_MOST_MS } from "./walls.ts";
import { periodAt } from "./zone.ts";

/** What takes longer to know is taken for no fault: each look is at some cost. */
const LOOKS_AT_MOST = 200;
const HOUR_MS = 3_600_000;

/** True when each slot after an instant is in a blackout, as far as can be told soon. Throws a `CronFault`. */
export function isAlwaysBlack(schedule: Schedule, after: number): boolean {
  const { blackouts = [], end } = schedule;
  // How much later a slot is due depends on the job.
  const punctual = { ...schedule, jitterMs: 0 };
  const repeated = blackouts.filter(({ cron }) => cron !== undefined);
  const hasOthers = repeated.length < blackouts.length;
  if (hasOthers && end !== undefined && isBlackFor(punctual, after, Number.POSITIVE_INFINITY)) return true;
  // The others end. By patterns alone it goes on as it was, once all of them begin anew.
  if (repeated.length === 0) return false;
  const periodMs = periodOf([schedule, ...repeated]);
  const always = { ...inStep(punctual, periodMs), blackouts: repeated };
  if (!isBlackFor(always, after, periodMs)) return false;
  // Beside instants a wall clock goes otherwise once it has been put forward or back.
  const { toMs } = periodAt(schedule.zone ?? "UTC", after);
  const isOver = toMs === Number.POSITIVE_INFINITY || nextSlot(always, { job: "", after: toMs }) === undefined;
  return isOver || isBlackFor(always, toMs, periodMs);
}

function isBlackFor(schedule: Schedule, after: number, spanMs: number): boolean {
  const endOf = blackoutEnds(schedule);
  let first: number | undefined;
  let from = after;
  for (let looks = 0; looks < LOOKS_AT_MOST; looks++) {
    const slot = nextSlot(schedule, { job: "", after: from });
    if (slot === undefined) return first !== undefined;
    if (slot.skip === undefined) return false;
    first ??= slot.at;
    if (slot.at - first >= spanMs) return true;
    from = Math.max(slot.at, (endOf(slot.at) ?? 0) - 1);
  }
  return false;
}

/** Slots that are at other times in each period come to all of them. */
function inStep(schedule: Schedule, periodMs: number): Schedule {
  const ms = schedule.every?.ms ?? periodMs;
  return periodMs % ms === 0 || ms % periodMs === 0 ? schedule : { ...schedule, every: { ms: 1_000 } };
}

/** After how long all of the patterns have named their times, and begin anew. */
function periodOf(patterns: readonly { readonly cron?: string | undefined }[]): number {
  const compiled = patterns.flatMap(({ cron }) => (cron === undefined ? [] : [compileCron(cron).pattern]));
  if (compiled.some(({ days }) => days.dayOfMonth !== "*" || days.month !== "*")) return SILENT_AT_MOST_MS;
  if (compiled.some(({ days }) => days.dayOfWeek !== "*")) return 7 * DAY_MS;
  return compiled.every(({ isEveryHour }) => isEveryHour) ? HOUR_MS : DAY_MS;
}
