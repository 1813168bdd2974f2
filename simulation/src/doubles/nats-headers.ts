/** What the headers of a message ask of JetStream. */
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import type { Guard } from "../nats/write.ts";

/** Headers as they come in, of which the product made the bytes. */
export function received(sent: MsgHdrs): MsgHdrs {
  const [version, ...lines] = new TextDecoder()
    .decode((sent as MsgHdrs & { encode(): Uint8Array }).encode())
    .split("\r\n");
  if (version !== "NATS/1.0" || lines.splice(-2).join("") !== "") throw new Error("these are no headers");
  const came = headers();
  for (const line of lines) came.append(line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2));
  return came;
}

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
