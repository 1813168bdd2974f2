/** What the headers of a message ask of JetStream. */
import type { MsgHdrs } from "@nats-io/transport-node";
import type { Guard } from "../nats/write.ts";

export function guardOf({
  subject,
  headers,
}: {
  readonly subject: string;
  readonly headers: MsgHdrs;
}): Guard | undefined {
  const sequence = headers.get("Nats-Expected-Last-Subject-Sequence");
  const filter = headers.get("Nats-Expected-Last-Subject-Sequence-Subject");
  return sequence === "" ? undefined : { sequence: Number(sequence), filter: filter === "" ? subject : filter };
}

export function ttlOf(headers: MsgHdrs | undefined, given?: string): number | undefined {
  const text = given ?? headers?.get("Nats-TTL") ?? "";
  return text === "" ? undefined : Number.parseInt(text, 10) * 1000;
}
