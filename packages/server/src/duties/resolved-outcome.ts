import { JobsError } from "@jobs/core";
import type { WriteOutcome } from "@jobs/core/jetstream";
import type { Logger } from "pino";

export interface ResolvingOptions {
  readonly monotonicMs: () => number;
  /** For figures. */
  readonly onOutcome?: (outcome: "unknown") => void;
  readonly log: Logger;
  /** The server stops: what is still of unknown outcome stays so. */
  readonly signal: AbortSignal;
}

export type KnownOutcome = Exclude<WriteOutcome, { kind: "unknown" | "refused" }>;

const RESEND_MS = 200;
/** Well below the life of a marker. */
const RESEND_FOR_MS = 60_000;

/**
 * Sends the identical write until its outcome is known, or until it is too old to be sent again: then it counts as a
 * conflict. Throws `store-unavailable` when NATS refuses it at once, and when the server stops.
 */
export async function resolvedOutcome(
  send: () => Promise<WriteOutcome>,
  { monotonicMs, onOutcome, log, signal }: ResolvingOptions,
): Promise<KnownOutcome> {
  const startedMs = monotonicMs();
  for (let isFirst = true; ; isFirst = false) {
    const outcome = await send();
    if (outcome.kind === "stored" || outcome.kind === "conflict") return outcome;
    const { cause } = outcome;
    onOutcome?.("unknown");
    if (isFirst && outcome.kind === "refused") {
      throw new JobsError("store-unavailable", `NATS did not store it: ${String(cause)}`, { cause });
    }
    log.warn({ err: cause }, "a write of unknown outcome is sent again");
    if (signal.aborted) {
      const message = "The server stops and does not know whether this was stored: ask again with the same key.";
      throw new JobsError("store-unavailable", message, { cause });
    }
    if (monotonicMs() - startedMs > RESEND_FOR_MS) return { kind: "conflict" };
    await new Promise((resolve) => setTimeout(resolve, RESEND_MS));
  }
}
