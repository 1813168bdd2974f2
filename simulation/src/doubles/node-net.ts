/** Takes the place of `node:net`: unix sockets of one host, each message in order and some time later. */
import { EventEmitter } from "node:events";
import { kernel, self } from "../kernel/machine.ts";
import type { Process } from "../kernel/process.ts";
import { systemError } from "./node-errors.ts";

export class Socket extends EventEmitter {
  destroyed = false;
  readonly writableLength = 0;
  readonly #owner: Process;
  #peer: Socket | undefined;
  #lastAtMs = 0;

  constructor(owner: Process) {
    super();
    this.#owner = owner;
    owner.onEnd(() => this.#hangUp());
  }

  get writable(): boolean {
    return !this.destroyed;
  }

  join(peer: Socket): void {
    this.#peer = peer;
  }

  write(text: string): boolean {
    const peer = this.#peer;
    const bytes = Buffer.from(text);
    if (peer !== undefined) this.#toPeer("socket", () => peer.emit("data", bytes));
    return true;
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.#hangUp();
    this.#owner.does("socket closes", () => {
      if (error !== undefined) this.emit("error", error);
      this.emit("close");
    });
    return this;
  }

  destroySoon(): void {
    this.destroy();
  }

  /** Does something at the other end, after all that was sent to it before. */
  #toPeer(label: string, act: () => void): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    const { nowMs, random } = kernel();
    this.#lastAtMs = Math.max(this.#lastAtMs, nowMs + random.between(0.02, 0.5));
    peer.#owner.does(label, () => !peer.destroyed && act(), this.#lastAtMs - nowMs);
  }

  #hangUp(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    const peer = this.#peer;
    this.#toPeer("socket closes", () => {
      if (peer === undefined) return;
      peer.destroyed = true;
      peer.emit("close");
    });
  }
}

export class Server extends EventEmitter {
  listening = false;
  readonly owner: Process = self();
  #path = "";

  listen(path: string, onListening: () => void): this {
    const { sockets } = this.owner.host;
    const isTaken = sockets.has(path);
    if (!isTaken) {
      this.#path = path;
      sockets.set(path, this);
      this.listening = true;
      this.owner.onEnd(() => this.#free());
    }
    this.owner.does("socket listens", () =>
      isTaken ? this.emit("error", systemError("EADDRINUSE", path)) : onListening(),
    );
    return this;
  }

  close(onClosed?: () => void): this {
    this.#free();
    this.owner.does("socket closes", () => onClosed?.());
    return this;
  }

  #free(): void {
    const { sockets } = this.owner.host;
    if (this.listening && sockets.get(this.#path) === this) sockets.delete(this.#path);
    this.listening = false;
  }
}

export function createServer(onSocket: (socket: Socket) => void): Server {
  const server = new Server();
  server.on("connection", onSocket);
  return server;
}

export function connect(path: string): Socket {
  const client = self();
  const socket = new Socket(client);
  client.does("socket connects", () => {
    const server = client.host.sockets.get(path);
    if (!(server instanceof Server)) return socket.emit("error", systemError("ENOENT", path));
    const served = new Socket(server.owner);
    socket.join(served);
    served.join(socket);
    server.owner.does("socket accepts", () => server.emit("connection", served));
    return socket.emit("connect");
  });
  return socket;
}
