import { createHash } from "node:crypto";
import { PayloadContent, type StartMessage } from "@jobs/core";
import type { Refusal } from "./supervisor/protocol.ts";

/** Whoever has it may hang: the server sends the start again, another one maybe. Milliseconds. */
const FETCH_LIMIT_MS = 20_000;

/**
 * The content of a start message's payload, fetched if it is not in the message; or why it will never do.
 * Throws when it could not be got just now, within `limitMs`, milliseconds.
 */
export async function payloadOf(
  { payload, payloadFrom }: Pick<StartMessage, "payload" | "payloadFrom">,
  limitMs = FETCH_LIMIT_MS,
): Promise<PayloadContent | Refusal> {
  const body = payload.body ?? (await fetched(payloadFrom, limitMs));
  if (createHash("sha256").update(body).digest("hex") !== payload.sha256) {
    return { code: "payload-invalid", message: "The payload does not have the hash that its record names." };
  }
  const content = PayloadContent.safeParse(JSON.parse(body));
  return content.success
    ? content.data
    : { code: "payload-invalid", message: "This agent cannot read the payload: it is of another version." };
}

async function fetched(from: StartMessage["payloadFrom"], limitMs: number): Promise<string> {
  if (from === undefined) throw new Error("the start message has no payload and no place to get it from");
  const response = await fetch(from.url, { headers: from.headers ?? {}, signal: AbortSignal.timeout(limitMs) });
  if (!response.ok) throw new Error(`getting the payload was answered with ${response.status}`);
  return response.text();
}

export function isRefusal(payload: PayloadContent | Refusal): payload is Refusal {
  return "code" in payload && !("script" in payload);
}
