import { PayloadContent, type Payload } from "@jobs/core";
import { payloadKey, type ArtifactStore } from "@jobs/core/artifacts";

/** What a payload says, from the record or from the artifact store; throws when it is not there, or not readable. */
export async function readPayload({ body, sha256 }: Payload, artifacts: ArtifactStore): Promise<PayloadContent> {
  return PayloadContent.parse(JSON.parse(body ?? (await textOf(await artifacts.get(payloadKey(sha256))))));
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString("utf8");
}
