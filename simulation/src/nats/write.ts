import type { MsgHdrs } from "@nats-io/transport-node";

/** `Nats-Expected-Last-Subject-Sequence`, with the filter that it is about. */
export interface Guard {
  readonly filter: string;
  readonly sequence: number;
  readonly refusal?: { readonly code: number; readonly description: string } | undefined;
}

/** A message that is to be stored. */
export interface Write {
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  readonly guard: Guard | undefined;
  readonly ttlMs: number | undefined;
}

export type Ack =
  | { readonly sequence: number; readonly error?: never }
  | { readonly error: { readonly code: number; readonly description: string }; readonly sequence?: never };
