/** Sends one HTTP request, as the global `fetch` does. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** A hash that is fed piece by piece. */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** The digest in hex; ends the hash. */
  digestHex(): string;
}

/** What a socket tells its owner. After `onClose` nothing comes any more. */
export interface SocketEvents {
  onOpen(): void;
  onMessage(content: string | Uint8Array): void;
  onClose(code: number): void;
}

/** An open WebSocket, as far as following a run needs it. */
export interface Socket {
  close(): void;
  /** Stops and resumes reading from the network; absent where that cannot be done, as in a browser. */
  readonly reading?: { pause(): void; resume(): void };
}

/** What the SDK needs of the platform it runs on: a browser's in `web-transport.ts`, Node's in `node-transport.ts`. */
export interface Transport {
  readonly fetch: Fetch;
  /** Opens a WebSocket; throws when the platform has none or takes the address or a protocol for malformed. */
  openSocket(url: string, protocols: readonly string[], events: SocketEvents): Socket;
  sha256(): Hash;
  /** A variable of the process's environment; always undefined in a browser. */
  env(name: string): string | undefined;
  /** Writes a file that appears under its path only when the whole stream came without an error. Absent in a browser. */
  readonly writeFile?: (path: string, content: ReadableStream<Uint8Array>) => Promise<void>;
}
