import { JobsError } from "@jobs/core";
import type { Socket, SocketEvents } from "./transport.ts";

/** The part of the standard `WebSocket` that the SDK uses; that of browsers, of Node 22 and of `ws` all fit. */
export interface WebSocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  close(code?: number): void;
  /** Only `ws` has these two: they stop and resume reading from the network. */
  pause?(): void;
  resume?(): void;
}

/** A constructor of WebSockets. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Opens a socket with a given constructor of WebSockets; undefined says that the platform has none. */
export function openWebSocket(
  WebSocket: WebSocketConstructor | undefined,
  { url, protocols }: { readonly url: string; readonly protocols: readonly string[] },
  events: SocketEvents,
): Socket {
  if (WebSocket === undefined) {
    throw new JobsError("config-invalid", "There is no WebSocket here: give one, connect({ WebSocket }).");
  }
  const socket = new WebSocket(url, [...protocols]);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => events.onOpen();
  socket.onmessage = ({ data }: { readonly data: string | ArrayBuffer }) =>
    events.onMessage(typeof data === "string" ? data : new Uint8Array(data));
  socket.onerror = () => undefined; // a close event follows and says the same
  socket.onclose = ({ code }: { readonly code: number }) => events.onClose(code);
  const close = () => socket.close();
  if (typeof socket.pause !== "function" || typeof socket.resume !== "function") return { close };
  return { close, reading: { pause: () => socket.pause?.(), resume: () => socket.resume?.() } };
}
