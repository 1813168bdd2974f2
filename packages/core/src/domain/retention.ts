import { z } from "zod";
import { Reason } from "./reason.ts";
import { RunState } from "./run.ts";
import { wholeNumber } from "./whole-number.ts";

/** For how long finished runs of a job are kept; what is left out is as the server is configured; null: for ever, or all. */
export const Retention = z.strictObject({
  /** Days since a run has ended. */
  days: wholeNumber(1, 36_500, "from 1 to 36500, or null").nullable().optional(),
  /** So many of the job, the newest ones. */
  runs: wholeNumber(1, 100_000_000, "from 1 to 100000000, or null").nullable().optional(),
});
export type Retention = z.infer<typeof Retention>;

/** With nothing left open. */
export interface KeptFor {
  readonly days: number | null;
  readonly runs: number | null;
}

/** What holds if nobody says otherwise. */
export const KEPT_FOR: KeptFor = { days: 90, runs: 10_000 };

/** A run that was submitted is kept for so long whatever else is said: its key is answered from its record. */
export const KEY_DAYS = 30;
/** A run of a schedule has no key; it is kept until its schedule has certainly gone on. */
export const SLOT_DAYS = 1;

/**
 * What was removed from HISTORY. `removing` is written before the runs named in it go, and they are among `endings`
 * already: so a removal that breaks off is found and ended, and nothing is counted twice or not at all.
 */
export const Forgotten = z.looseObject({
  v: z.literal(1),
  /** How runs that are no more had ended. */
  endings: z.array(z.object({ state: RunState, reason: Reason.optional(), count: z.int() })),
  /** With its end, ms since 1970: a run that is submitted again with the key of one that is no more has its id. */
  removing: z.array(z.object({ job: z.string(), run: z.string(), endedAtMs: z.number() })),
});
export type Forgotten = z.infer<typeof Forgotten>;
