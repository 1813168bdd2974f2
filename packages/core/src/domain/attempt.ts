import { z } from "zod";
import { AgentId, Instant } from "./ids.ts";
import { LogEnd } from "./log.ts";

/** An acknowledged beat is a licence to start for this long from its send time on the boot clock, milliseconds. */
export const LICENCE_MS = 60_000;

/**
 * A licence to start, as its agent numbers it: a lapsed one never revives, the next one has a higher number. Numbers
 * rise through all sessions of an agent.
 */
export const Licence = z.looseObject({ session: z.string(), number: z.int().nonnegative() });
export type Licence = z.infer<typeof Licence>;

/** True when `one` was begun after `other`. Of the same or an older one, which a server that lags may still know, nothing follows. */
export function isNewerLicence(one: Licence, other: Licence): boolean {
  return one.number > other.number;
}

/** (store epoch, sequence): only rises for a job, and is given to the script as `JOBS_FENCE`. */
export const Fence = z.looseObject({ epoch: z.string(), sequence: z.int().nonnegative() });
export type Fence = z.infer<typeof Fence>;

/** How an attempt ended, as the host saw it. */
export const AttemptExit = z.looseObject({
  exitCode: z.int().optional(),
  signal: z.string().optional(),
  /** Who or what ended it, when it did not end by itself. */
  cause: z
    .enum([
      "cancelled",
      "no-contact",
      "host-stopped",
      "host-restarted",
      "supervisor-ended",
      /** It ran for longer than `timeoutMs`. */
      "timeout",
      /** It printed nothing for `silenceMs`. */
      "silence",
    ])
    .optional(),
  /** Processes that could not be ended: the job stays busy while there are any. */
  leftOverPids: z.array(z.int()).optional(),
});
export type AttemptExit = z.infer<typeof AttemptExit>;

/** Why a host would not start an attempt. */
export const Refusal = z.looseObject({
  code: z.enum([
    "no-licence",
    "no-room",
    "held",
    "stopping",
    "cancelled",
    "never-started",
    "stale-fence",
    "interpreter-missing",
    "payload-invalid",
    "spawn-failed",
  ]),
  message: z.string(),
});
export type Refusal = z.infer<typeof Refusal>;

/** One try to carry out a run on one agent. `lostAfterMs` and `graceMs` are frozen when it is assigned. */
export const Attempt = z.looseObject({
  number: z.int().positive(),
  agent: AgentId,
  /** The agent's name, for people; left out where the run's target says it. */
  name: z.string().optional(),
  licence: Licence,
  assignedAt: Instant,
  lostAfterMs: z.int().nullable(),
  graceMs: z.int(),
  /** By the host's clock. */
  startedAt: Instant.optional(),
  exitedAt: Instant.optional(),
  exit: AttemptExit.optional(),
  refusal: Refusal.optional(),
  log: LogEnd.optional(),
  /** Its host was silent about it for too long; `retried`: another attempt takes its place. */
  lost: z.looseObject({ at: Instant, silentMs: z.int(), retried: z.boolean().optional() }).optional(),
  /** It failed, and another attempt takes its place: from this instant on. */
  retryAt: Instant.optional(),
});
export type Attempt = z.infer<typeof Attempt>;

/** True when another attempt takes its place, or was to: it was lost, or it failed. */
export function isGivenUp({ lost, retryAt }: Attempt): boolean {
  return lost?.retried === true || retryAt !== undefined;
}

/** True when its host has said that nothing of it runs, or ever will. */
export function isOverOnHost({ refusal, exit }: Attempt): boolean {
  return refusal !== undefined || (exit !== undefined && (exit.leftOverPids ?? []).length === 0);
}
