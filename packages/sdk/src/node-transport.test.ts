import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import { nodeTransport } from "./node-transport.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** Opens a socket to a server that answers pings or not; lets a minute pass; says whether the socket was closed by then. */
async function isClosedAfterAMinute(autoPong: boolean): Promise<boolean> {
  const server = new WebSocketServer({ port: 0, autoPong });
  await once(server, "listening");
  let isClosed = false;
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connected = once(server, "connection");
  const opened = new Promise<void>((resolve) => {
    const socket = nodeTransport.openSocket(url, [], {
      onOpen: resolve,
      onMessage: () => undefined,
      onClose: () => void (isClosed = true),
    });
    server.once("close", () => socket.close());
  });
  const [[client]] = await Promise.all([connected, opened]);
  const closed = once(client, "close");
  for (let second = 0; second < 60 && !isClosed; second += 5) {
    const pinged = once(client, "ping");
    vi.advanceTimersByTime(5000);
    await Promise.race([pinged, closed]);
    await new Promise((resolve) => setTimeout(resolve, 5)); // for the pong to come back
  }
  client.terminate();
  server.close();
  return isClosed;
}

test("a socket whose network is gone without a word is found out", async () => {
  expect(await isClosedAfterAMinute(false)).toBe(true);
});

test("a quiet socket stays open while the other side answers", async () => {
  expect(await isClosedAfterAMinute(true)).toBe(false);
});
