import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Transport } from "./transport.ts";
import { openWebSocket, type WebSocketConstructor } from "./web-socket.ts";

/** The transport made of what every browser has, and of nothing else. */
export const webTransport: Transport = {
  fetch: (url, init) => fetch(url, init),
  openSocket: (url, protocols, events) =>
    openWebSocket((globalThis as { WebSocket?: WebSocketConstructor }).WebSocket, { url, protocols }, events),
  // WebCrypto can only hash what is wholly in memory.
  sha256: () => {
    const hash = sha256.create();
    return { update: (bytes) => void hash.update(bytes), digestHex: () => bytesToHex(hash.digest()) };
  },
  env: () => undefined,
};
