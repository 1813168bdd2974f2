/** Which of the slots that came due while nobody could start them have a run all the same. */
import { catchUpOf, type StoredSchedule } from "../domain/schedule.ts";
import { blackoutTest, nextFiring, type ExpectedSlot } from "../schedule/index.ts";

/** A slot that is later than this had nobody to start it, milliseconds: catch-up decides. */
const LATE_MS = 60_000;
/** So late nobody could start it, but for a take-over by another server: once a later slot is due, too, catch-up decides. */
const PASSED_MS = 10_000;

/** Slots of a schedule whose time has come, from the first on of which nothing is said yet. */
export interface DueSlots {
  readonly job: string;
  readonly schedule: StoredSchedule;
  readonly due: readonly ExpectedSlot[];
  /** There may be later ones. */
  readonly isCut: boolean;
  readonly nowMs: number;
}

/** Which of the slots that are due have a run, of those of which the schedule itself says nothing else. */
export interface MadeUp {
  /** The place of the first one. */
  readonly from: number;
  /** The latest of all that are due; undefined when it is a later one, or there is none. */
  readonly last: ExpectedSlot | undefined;
}

export function madeUpOf(slots: DueSlots): MadeUp {
  const { schedule, due, isCut, nowMs } = slots;
  const { mode, max } = catchUpOf(schedule);
  const asked = mode === "none" || blackoutTest(schedule)(nowMs) ? 0 : mode === "last" ? 1 : max;
  const later = isCut ? countLater(slots, Math.max(asked, 1)) : 0;
  const last = later > 0 ? undefined : due.findLast(({ skip }) => skip === undefined);
  if (!due.some((slot) => isLate(slot, nowMs, PASSED_MS))) return { from: 0, last };
  const isLastOnTime = last !== undefined && !isLate(last, nowMs, LATE_MS);
  let left = Math.max(0, Math.max(asked, isLastOnTime ? 1 : 0) - later);
  return { from: 1 + due.findLastIndex(({ skip }) => skip === undefined && left-- === 0), last };
}

/** How many that the schedule does not skip are due after these, up to `atMost`. */
function countLater({ job, schedule, due, nowMs }: DueSlots, atMost: number): number {
  let after = due.at(-1)?.at ?? nowMs;
  for (let count = 0; count < atMost; count++) {
    const slot = nextFiring(schedule, { job, after, dueAfter: Number.NEGATIVE_INFINITY });
    if (slot === undefined || slot.dueAt > nowMs) return count;
    after = slot.at;
  }
  return atMost;
}

function isLate({ dueAt }: ExpectedSlot, nowMs: number, ms: number): boolean {
  return nowMs - dueAt > ms;
}

/** True for a slot that is too old to be made up for. */
export function isTooOld(slot: ExpectedSlot, schedule: StoredSchedule, { nowMs, isLast }: Asked): boolean {
  return isLate(slot, nowMs, Math.max(isLast ? LATE_MS : PASSED_MS, catchUpOf(schedule).withinMs));
}

interface Asked {
  readonly nowMs: number;
  /** It is the latest that is due. */
  readonly isLast: boolean;
}
