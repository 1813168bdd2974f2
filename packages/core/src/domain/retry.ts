import { z } from "zod";
import { isSignalName } from "./signal.ts";
import { wholeMs, wholeNumber } from "./whole-number.ts";

const DAY_MS = 24 * 60 * 60_000;

/** Ends after which a run may be tried again. A lost one is `onLost`'s affair; what somebody wanted to end is never tried again. */
export const RetryReason = z.enum([
  "exit",
  "signal",
  "timeout",
  "refused-by-agent",
  "host-restarted",
  "host-stopped",
  "supervisor-ended",
]);
export type RetryReason = z.infer<typeof RetryReason>;

/** The most tries after the first one. */
export const RETRIES_MAX = 20;

const COUNT = wholeNumber(0, RETRIES_MAX);
const ON = {
  /** Codes with which the script ended by itself. */
  exitCodes: z.array(wholeNumber(1, 255)).max(64).optional(),
  /** Signals that ended the script, and that Jobs did not send: `SIGKILL`. */
  signals: z
    .array(z.string().regex(/^SIG[A-Z0-9+-]{2,12}$/, "not a signal's name such as SIGKILL"))
    .max(64)
    .optional(),
  /** Ends of any kind with these reasons. */
  reasons: z.array(RetryReason).max(RetryReason.options.length).optional(),
};
const BACKOFF = {
  /** `exponential`: twice as long after each failed try. */
  kind: z.enum(["fixed", "exponential"]),
  /** Between the end of the first try and the second one, milliseconds. */
  delayMs: wholeMs(0, DAY_MS, "0 to 24 hours"),
  /** The longest delay of an exponential one, milliseconds; 24 hours. */
  maxMs: wholeMs(0, DAY_MS, "0 to 24 hours").optional(),
  /** Takes up to this part of the delay off, from 0 (nothing) to 1 (all of it), so that many runs do not come back at once. */
  jitter: z.number().min(0).max(1).optional(),
};

/** An unknown one would never be met. */
const SIGNAL = z.string().refine(isSignalName, {
  error: ({ input }) => `“${String(input)}” is no signal: give a name such as SIGKILL.`,
});

/** As it is asked for: nothing that nobody knows. */
export const RetrySettings = z.strictObject({
  /** Tries after the first one. */
  count: COUNT,
  /** Only after these ends; left out: after any but a lost one. */
  on: z
    .strictObject({ ...ON, signals: z.array(SIGNAL).max(64).optional() })
    .refine((on) => Object.values(on).some((all) => all !== undefined && all.length > 0), {
      message: "`retry.on` names no end: give exitCodes, signals or reasons, or leave it out.",
    })
    .optional(),
  /** Left out: exponential from 10 seconds to 5 minutes. */
  backoff: z
    .strictObject(BACKOFF)
    .refine(({ kind, maxMs }) => kind === "exponential" || maxMs === undefined, {
      path: ["maxMs"],
      message: "`retry.backoff.maxMs` is for an exponential backoff: a fixed one has only delayMs.",
    })
    .refine(({ delayMs, maxMs }) => maxMs === undefined || maxMs >= delayMs, {
      path: ["maxMs"],
      message: "`retry.backoff.maxMs` is less than delayMs: the first delay is the shortest one.",
    })
    .optional(),
});
export type RetrySettings = z.infer<typeof RetrySettings>;

/** As it is recorded: unknown fields are kept. */
export const Retry = z.looseObject({
  count: COUNT,
  on: z.looseObject(ON).optional(),
  backoff: z.looseObject(BACKOFF).optional(),
});
export type Retry = z.infer<typeof Retry>;

const DEFAULT_BACKOFF = { kind: "exponential", delayMs: 10_000, maxMs: 300_000 } as const;

/** How long to wait after so many failed tries, milliseconds; `chance` from 0 to 1 decides what the jitter takes off. */
export function retryDelayMs({ backoff = DEFAULT_BACKOFF }: RetrySettings, failures: number, chance: number): number {
  const { kind, delayMs, maxMs = DAY_MS, jitter = 0 } = backoff;
  const wholeMs = kind === "fixed" ? delayMs : Math.min(maxMs, delayMs * 2 ** (failures - 1));
  return Math.round(wholeMs * (1 - jitter * chance));
}
