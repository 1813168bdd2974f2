import { z } from "zod";
import { OverlapPolicy } from "./overlap.ts";
import { Retry, RetrySettings } from "./retry.ts";
import { wholeMs, wholeNumber } from "./whole-number.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** What becomes of a run whose host was silent for too long. */
export const OnLost = z.enum(["fail", "retry", "hold"]);
export type OnLost = z.infer<typeof OnLost>;

/** What becomes of a run when its time has come and no agent that it may go to is there. */
export const WhenUnavailable = z.enum(["wait", "reject"]);
export type WhenUnavailable = z.infer<typeof WhenUnavailable>;

/** If nobody says another one. */
export const PRIORITY = 5;
const PRIORITY_MAX = 9;

/** The least silence after which an attempt may be called lost, milliseconds: three times a licence. */
export const LOST_AFTER_MIN_MS = 3 * MINUTE_MS;

function limitMs(): z.ZodOptional<z.ZodNullable<z.ZodInt>> {
  return wholeMs(1_000, 30 * DAY_MS, "1 second to 30 days, or null")
    .nullable()
    .optional();
}

/**
 * How runs of a job behave when something is in their way. A submission may say it, else the job's definition does, else
 * the defaults; what held at the submission is frozen in the run.
 */
export const PolicySettings = z.object({
  /** What happens while another run of the job lives; `reject` if nobody says. */
  overlap: OverlapPolicy.optional(),
  /** From 0 to 9: of runs that wait for an agent or for each other a higher one goes first; 5. */
  priority: wholeNumber(0, PRIORITY_MAX).optional(),
  /** When no agent that it may go to is in contact, or all of them drain: it waits, or is refused (`no-agent`); `wait`. */
  whenUnavailable: WhenUnavailable.optional(),
  /** Runs of the job that may wait at once, this one included; 100. */
  queueLimit: wholeNumber(1, 1_000).optional(),
  /** A run that waited for so long is skipped (`expired-in-queue`), milliseconds; 24 hours. */
  waitAtMostMs: wholeMs(1_000, 30 * DAY_MS, "1 second to 30 days").optional(),
  /** Silence of the host after which an attempt is ended there, and called lost; at least 3 minutes; null: never. 1 hour; with `allow`: never. */
  lostAfterMs: wholeMs(LOST_AFTER_MIN_MS, 30 * DAY_MS, "3 minutes to 30 days, or null")
    .nullable()
    .optional(),
  /** Between asking a script to end (SIGTERM) and ending it (SIGKILL), milliseconds; 10 seconds. */
  graceMs: wholeMs(0, 10 * MINUTE_MS, "0 to 10 minutes").optional(),
  /** What becomes of a lost run: it fails, it gets another attempt, or it keeps its job busy until somebody resolves it. `fail`. */
  onLost: OnLost.optional(),
  /** Whether and when a run that failed is tried again; not at all. */
  retry: RetrySettings.optional(),
  /** Each attempt may run for so long, then its host ends it (`timeout`), milliseconds; null: for ever, the default. */
  timeoutMs: limitMs(),
  /** Each attempt may print nothing for so long, then its host ends it (`timeout`), milliseconds; null: for ever, the default. */
  silenceMs: limitMs(),
});
export type PolicySettings = z.infer<typeof PolicySettings>;

/** As a record keeps it: what was accepted once is. */
export const StoredPolicySettings = PolicySettings.extend({ retry: Retry.optional() });

/** A policy with nothing left open. */
export type Policy = { readonly [K in keyof PolicySettings]-?: Exclude<PolicySettings[K], undefined> };

const NO_RETRY: RetrySettings = { count: 0 };
/** If nobody says another one, milliseconds. */
export const WAIT_AT_MOST_MS = DAY_MS;
export const QUEUE_LIMIT = 100;
const GRACE_MS = 10_000;
/** Of a run that may not overlap another, milliseconds. */
const LOST_AFTER_MS = 60 * MINUTE_MS;

/** Between two beats, a late one, and the time in which a host can prove the end: less would end healthy scripts. */
const CONTACT_MIN_MS = 2 * MINUTE_MS;

/** Why a policy cannot hold, and the field to change; undefined when it can. */
export function policyFault({ lostAfterMs, graceMs }: Policy): { field: string; message: string } | undefined {
  if (lostAfterMs === null || lostAfterMs - graceMs >= CONTACT_MIN_MS) return undefined;
  const message = `The grace of ${graceMs / 1000} s must be at least 2 minutes less than lostAfterMs (${lostAfterMs / 1000} s): the host begins to end a silent script by so much earlier.`;
  return { field: "graceMs", message };
}

/** What holds for a run: what was asked for, else what the job says, else the defaults. */
export function policyOf(asked: PolicySettings, ofJob: PolicySettings = {}): Policy {
  const given = <K extends keyof PolicySettings>(key: K): PolicySettings[K] => asked[key] ?? ofJob[key];
  const overlap = given("overlap") ?? "reject";
  // Null is something said, too: never.
  const limit = (key: "lostAfterMs" | "timeoutMs" | "silenceMs"): number | null | undefined =>
    asked[key] === undefined ? ofJob[key] : asked[key];
  const lostAfterMs = limit("lostAfterMs");
  return {
    overlap,
    priority: given("priority") ?? PRIORITY,
    whenUnavailable: given("whenUnavailable") ?? "wait",
    queueLimit: given("queueLimit") ?? QUEUE_LIMIT,
    waitAtMostMs: given("waitAtMostMs") ?? WAIT_AT_MOST_MS,
    lostAfterMs: lostAfterMs === undefined ? defaultLostAfterMs(overlap) : lostAfterMs,
    graceMs: given("graceMs") ?? GRACE_MS,
    onLost: given("onLost") ?? "fail",
    retry: given("retry") ?? NO_RETRY,
    timeoutMs: limit("timeoutMs") ?? null,
    silenceMs: limit("silenceMs") ?? null,
  };
}

function defaultLostAfterMs(overlap: OverlapPolicy): number | null {
  return overlap === "allow" ? null : LOST_AFTER_MS;
}
