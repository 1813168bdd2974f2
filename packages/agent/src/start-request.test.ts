import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { payloadOf } from "./start-request.ts";

const BODY = JSON.stringify({ v: 1, script: "echo", interpreter: ["bash"], env: {} });
const LIMIT_MS = 100;

test("a payload that is not in the message is got from where that says, with its headers", async () => {
  const asked = fetchedFrom((request, response) => response.end(request.headers["x-key"] === "k" ? BODY : ""), 10_000);
  expect(await asked).toEqual(JSON.parse(BODY));
});

test.each<[string, RequestListener]>([
  ["says nothing", () => undefined],
  ["stops in the middle", (_, response) => response.writeHead(200).write(BODY.slice(0, 10))],
])("a payload whose server %s is given up: the start is sent again", async (_, listener) => {
  await expect(fetchedFrom(listener, LIMIT_MS)).rejects.toThrow(/timeout/);
});

async function fetchedFrom(listener: RequestListener, limitMs: number): ReturnType<typeof payloadOf> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const sha256 = createHash("sha256").update(BODY).digest("hex");
    const payload = { form: "plain", sha256, sizeBytes: BODY.length } as const;
    return await payloadOf({ payload, payloadFrom: { url, headers: { "x-key": "k" } } }, limitMs);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
