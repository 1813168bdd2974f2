/** What agents and servers send each other through NATS. Each has a version `v`; unknown fields are kept. */
import { z } from "zod";
import { Fence, Licence } from "../domain/attempt.ts";
import { AgentId, Instant, RunId } from "../domain/ids.ts";
import { ByteRange } from "../domain/log.ts";
import { OverlapPolicy } from "../domain/overlap.ts";
import { Payload } from "../domain/payload.ts";

export { LICENCE_MS } from "../domain/attempt.ts";

/**
 * An agent's sign of life, sent as a compare-and-set on its own last one: so beats form a chain, and of two agents with
 * one identity the second finds it broken.
 */
export const Beat = z.looseObject({
  v: z.literal(1),
  session: z.string(),
  /** Counts the beats of the session from 1. */
  number: z.int().positive(),
  /** Of this one sending: tells apart two processes that were one, of a host that was cloned while it ran. */
  nonce: z.string().optional(),
  /** By the host's wall clock: how far that is off is seen by it. An older agent does not say it. */
  sentAt: Instant.optional(),
  /** The licence that this beat renews, or begins. */
  licence: Licence,
  /** Every attempt that the host holds or has not had confirmed. */
  held: z.array(
    z.looseObject({
      job: z.string(),
      run: RunId,
      attempt: z.int().positive(),
      /** Nothing of it runs, or ever will: it only waits to be released. */
      isOver: z.boolean().optional(),
      /** It never began on this host, as far as that remembers. An older agent does not say it. */
      isRefused: z.boolean().optional(),
    }),
  ),
  /** False until a pull from the inbox worked in this connection: the server then makes its consumer anew. */
  inbox: z.boolean(),
  /** The agent stops: nothing is to be given to its host until it beats again. */
  isLeaving: z.boolean().optional(),
});
export type Beat = z.infer<typeof Beat>;

/** What a host is and has; sent at the start of a session and when it changes. */
export const HostReport = z.looseObject({
  v: z.literal(1),
  agent: AgentId,
  name: z.string(),
  version: z.string(),
  slots: z.int().positive(),
  labels: z.record(z.string(), z.string()),
  /** The folders of the PATH that scripts get, and the names of all programs in them. */
  path: z.array(z.string()),
  programs: z.array(z.string()),
  /** It holds a start back until the instant that is named; an older agent starts at once. */
  holdsStarts: z.boolean().optional(),
});
export type HostReport = z.infer<typeof HostReport>;

/** Where the agent may put or get one object, by HTTP; bound to the object, its size and hash. */
export const Transfer = z.looseObject({
  url: z.string(),
  headers: z.record(z.string(), z.string()).optional(),
});
export type Transfer = z.infer<typeof Transfer>;

/** Start this attempt, under this licence and no other. */
export const StartMessage = z.looseObject({
  v: z.literal(1),
  kind: z.literal("start"),
  job: z.string(),
  run: RunId,
  attempt: z.int().positive(),
  licence: Licence,
  fence: Fence,
  overlap: OverlapPolicy,
  lostAfterMs: z.int().nullable(),
  graceMs: z.int(),
  /** The host ends it once it has run, or has printed nothing, for so long. An older agent knows neither, and ends nothing. */
  timeoutMs: z.int().optional(),
  silenceMs: z.int().optional(),
  /** By the clock of the server that sent it, as `startAt` is: the host's own may be any time apart. */
  sentAt: Instant.optional(),
  /** Not before this instant; left out: at once. */
  startAt: Instant.optional(),
  payload: Payload,
  /** Where to get a payload that is not in the message. */
  payloadFrom: Transfer.optional(),
});
export type StartMessage = z.infer<typeof StartMessage>;

/** End this attempt; if it has not begun, never begin it. */
export const CancelMessage = z.looseObject({
  v: z.literal(1),
  kind: z.literal("cancel"),
  job: z.string(),
  run: RunId,
  attempt: z.int().positive(),
  fence: Fence,
  graceMs: z.int(),
});
export type CancelMessage = z.infer<typeof CancelMessage>;

/** Say again what you know of this attempt; send these bytes of its log again; upload these artifacts. */
export const ReportMessage = z.looseObject({
  v: z.literal(1),
  kind: z.literal("report"),
  run: RunId,
  attempt: z.int().positive(),
  logFrom: z.array(ByteRange).optional(),
  uploads: z.array(Transfer.extend({ name: z.string() })).optional(),
});
export type ReportMessage = z.infer<typeof ReportMessage>;

/** The store has all of this attempt: forget it. */
export const ReleaseMessage = z.looseObject({
  v: z.literal(1),
  kind: z.literal("release"),
  run: RunId,
  attempt: z.int().positive(),
});
export type ReleaseMessage = z.infer<typeof ReleaseMessage>;

export const InboxMessage = z.discriminatedUnion("kind", [StartMessage, CancelMessage, ReportMessage, ReleaseMessage]);
export type InboxMessage = z.infer<typeof InboxMessage>;

/** The deciding server's sign of life, a compare-and-set on the one before. */
export const Lease = z.looseObject({
  v: z.literal(1),
  server: z.string(),
  term: z.int(),
  /** When it was sent, on the monotonic clock of that server's process: for that process alone, which sees it come back. */
  sentAtMs: z.number().optional(),
});
export type Lease = z.infer<typeof Lease>;
