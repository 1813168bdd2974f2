import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { WebSocket } from "ws";
import type { Transport } from "./transport.ts";
import { openWebSocket, type WebSocketConstructor } from "./web-socket.ts";

/** A socket whose other side answers no ping for this long is taken for cut, milliseconds. */
const SILENCE_MS = 20_000;

/** The transport of Node: `ws` (Node 20 has no WebSocket), the native hash, files, the environment. */
export const nodeTransport: Transport = {
  fetch: (url, init) => fetch(url, init),
  openSocket: (url, protocols, events) =>
    openWebSocket(WatchedWebSocket as WebSocketConstructor, { url, protocols }, events),
  sha256: () => {
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digestHex: () => hash.digest("hex") };
  },
  env: (name) => process.env[name],
  writeFile: async (path, content) => {
    const partial = join(dirname(path), `.${randomUUID()}.part`); // the file's own name may be as long as one can be
    try {
      await pipeline(
        Readable.fromWeb(content as NodeReadableStream<Uint8Array>),
        createWriteStream(partial, { flags: "wx" }),
      );
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  },
};

/** A WebSocket that finds out when its network is gone without a word, which TCP alone does not tell a mere reader. */
class WatchedWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { handshakeTimeout: SILENCE_MS, perMessageDeflate: false });
    let heardAt = performance.now();
    const heard = (): void => void (heardAt = performance.now());
    const timer = setInterval(() => {
      if (this.readyState !== WebSocket.OPEN || this.isPaused) return heard();
      if (performance.now() - heardAt > SILENCE_MS) return this.terminate();
      this.ping();
    }, SILENCE_MS / 4);
    timer.unref();
    this.on("pong", heard)
      .on("message", heard)
      .on("close", () => clearInterval(timer));
  }

  /** Never waits for the closing handshake: the other side may be gone, and a reader has nothing more to say. */
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason);
    if (this.readyState === WebSocket.CLOSING) setImmediate(() => this.terminate());
  }
}
