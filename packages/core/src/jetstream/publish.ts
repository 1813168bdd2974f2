import { JetStreamApiError, JetStreamApiCodes, type PubAck } from "@nats-io/jetstream";
import { headers, type MsgHdrs } from "@nats-io/transport-node";

/**
 * What came of a guarded write. `conflict`: somebody else wrote first, nothing was stored.
 * `refused`: nats-server said no for another reason (full, too large); nothing was stored. `unknown`: no answer; it may be stored or not, and only the identical write again, or a read, can tell.
 */
export type WriteOutcome =
  | { readonly kind: "stored"; readonly sequence: number }
  | { readonly kind: "conflict" }
  | { readonly kind: "refused"; readonly cause: unknown }
  | { readonly kind: "unknown"; readonly cause: unknown };

const CONFLICTS: ReadonlySet<number> = new Set([
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown, // another write under this guard is in flight
]);

export function isConflictCode(code: number): boolean {
  return CONFLICTS.has(code);
}

/** Sorts an acknowledgement or its failure into a {@link WriteOutcome}. */
export async function outcomeOf(publishing: Promise<PubAck>): Promise<WriteOutcome> {
  try {
    return { kind: "stored", sequence: (await publishing).seq };
  } catch (error) {
    if (error instanceof JetStreamApiError && isConflictCode(error.code)) return { kind: "conflict" };
    if (error instanceof JetStreamApiError) return { kind: "refused", cause: error };
    return { kind: "unknown", cause: error };
  }
}

/** True for what {@link markerHeaders} made. */
export function isMarker(headers: MsgHdrs | undefined): boolean {
  const operation = headers?.get("KV-Operation");
  return operation !== undefined && operation !== "";
}

/** Headers of a KV delete marker that goes by itself after `ttlSeconds`. */
export function markerHeaders(ttlSeconds: number): MsgHdrs {
  const marker = headers();
  marker.set("KV-Operation", "DEL");
  marker.set("Nats-TTL", `${ttlSeconds}s`);
  return marker;
}
