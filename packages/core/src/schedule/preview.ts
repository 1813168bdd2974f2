import { instantOf } from "../domain/instant.ts";
import type { Schedule } from "../domain/schedule.ts";
import { slotsOf, type ExpectedSlot } from "./slots.ts";

/** A firing, or slots in a row that are skipped for the same reason. Instants are RFC 3339 in UTC. */
export interface PreviewedSlot extends Omit<ExpectedSlot, "at" | "dueAt"> {
  readonly at: string;
  readonly dueAt: string;
  /** Of slots that are skipped: the last one, and how many there are. */
  readonly until?: string;
  readonly count?: number;
}

export interface PreviewRange {
  /** The job's name. */
  readonly job: string;
  /** Inclusive, milliseconds since 1970. */
  readonly from: number;
  /** Exclusive: slots that are due by then are left out. */
  readonly dueAfter?: number;
  /** So many firings; what is skipped between them is not counted. */
  readonly count: number;
}

/** More slots are not looked at: those of each second in a long blackout would never end. */
const LOOKS_AT_MOST = 20_000;

/** A slot as it is shown. */
export function previewed(slot: ExpectedSlot): PreviewedSlot {
  return { ...slot, at: instantOf(slot.at), dueAt: instantOf(slot.dueAt) };
}

/** The next firings of a schedule, and what is skipped between them; paused or not. Fewer when there are no more, or too much is skipped. */
export function previewOf(schedule: Schedule, range: PreviewRange): readonly PreviewedSlot[] {
  const steps = previewSteps(schedule, range);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same, slot by slot: with a rare pattern centuries are gone through, and others may want a turn. */
export function* previewSteps(
  schedule: Schedule,
  { job, from, dueAfter = Number.NEGATIVE_INFINITY, count }: PreviewRange,
): Generator<undefined, readonly PreviewedSlot[]> {
  const found: PreviewedSlot[] = [];
  let firings = 0;
  if (count <= 0) return found;
  for (const slot of slotsOf(schedule, { job, after: from - 1, limit: LOOKS_AT_MOST })) {
    yield;
    if (slot.dueAt <= dueAfter) continue;
    const last = found.at(-1);
    if (slot.skip !== undefined && slot.skip === last?.skip) {
      found[found.length - 1] = { ...last, until: instantOf(slot.at), count: (last.count ?? 1) + 1 };
      continue;
    }
    found.push(previewed(slot));
    if (slot.skip === undefined) firings++;
    if (firings === count) return found;
  }
  return found;
}
