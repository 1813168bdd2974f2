/** Which finished runs are to go. */
import { KEY_DAYS, SLOT_DAYS, type KeptFor, type Retention } from "../domain/retention.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

export interface FinishedFacts {
  readonly endedAtMs: number;
  /** It stands for a slot of a schedule. */
  readonly isOfSlot: boolean;
  /** How many runs of its job came into HISTORY after it. */
  readonly newer: number;
}

/** What holds for a job: what it says itself, else what the servers are told. */
export function keptFor(ofJob: Retention | undefined, otherwise: KeptFor): KeptFor {
  const { days = otherwise.days, runs = otherwise.runs } = ofJob ?? {};
  return { days, runs };
}

/** True for a run that is older than it has to get, or has as many newer ones as are kept. */
export function isPastRetention({ endedAtMs, newer }: FinishedFacts, { days, runs }: KeptFor, nowMs: number): boolean {
  return (days !== null && nowMs - endedAtMs > days * DAY_MS) || (runs !== null && newer >= runs);
}

/** True while a run has to be found, whatever is said of its job. */
export function isPromised({ endedAtMs, isOfSlot }: FinishedFacts, nowMs: number): boolean {
  return nowMs - endedAtMs <= (isOfSlot ? SLOT_DAYS : KEY_DAYS) * DAY_MS;
}
