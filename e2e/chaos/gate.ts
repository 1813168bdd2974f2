/**
 * The way of one process to one nats-server, which can be held:
 *
 *   open      bytes pass
 *   frozen    connections stay, no byte passes; what was sent meanwhile arrives, late, once it is open again
 *   refused   connections are broken, and new ones, too
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export type GateState = "open" | "frozen" | "refused";

interface Passage {
  readonly near: Socket;
  readonly far: Socket;
}

export class Gate implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: URL;
  readonly #passages = new Set<Passage>();
  #state: GateState = "open";

  private constructor(target: URL) {
    this.#target = target;
    this.#server = createServer((near) => this.#admit(near));
  }

  /** A gate to the nats-server at `targetUrl`, on a port of its own. */
  static async to(targetUrl: string): Promise<Gate> {
    const gate = new Gate(new URL(targetUrl));
    await once(gate.#server.listen(0, "127.0.0.1"), "listening");
    return gate;
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set(state: GateState): void {
    this.#state = state;
    for (const { near, far } of this.#passages) {
      if (state === "refused") near.destroy();
      for (const socket of [near, far]) if (state === "open") socket.resume();
      for (const socket of [near, far]) if (state === "frozen") socket.pause();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.set("refused");
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #admit(near: Socket): void {
    if (this.#state === "refused") return void near.destroy();
    const far = connect({ host: this.#target.hostname, port: Number(this.#target.port), noDelay: true });
    near.setNoDelay(true);
    const passage = { near, far };
    this.#passages.add(passage);
    this.#pass(near, far);
    this.#pass(far, near);
    if (this.#state === "frozen") for (const socket of [near, far]) socket.pause();
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (bytes) => {
      if (to.write(bytes)) return;
      from.pause();
      to.once("drain", () => this.#state === "open" && from.resume());
    });
    from.on("error", () => undefined); // its close follows
    from.on("close", () => {
      to.destroy();
      for (const passage of this.#passages)
        if (passage.near === from || passage.far === from) this.#passages.delete(passage);
    });
  }
}
