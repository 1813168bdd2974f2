/**
 * The way of one process to one nats-server, which can be held:
 *
 *   open      bytes pass
 *   frozen    connections stay, no byte passes; what was sent meanwhile arrives, late, once it is open again
 *   deaf      bytes pass to nats-server, none comes back until it is open again
 *   refused   connections are broken, and new ones, too
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export type GateState = "open" | "frozen" | "deaf" | "refused";

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
    for (const passage of this.#passages) this.#hold(passage);
  }

  #hold({ near, far }: Passage): void {
    if (this.#state === "refused") return void near.destroy();
    if (this.#state === "frozen") near.pause();
    else near.resume();
    if (this.#state === "open") far.resume();
    else far.pause();
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
    this.#pass(passage, near, far);
    this.#pass(passage, far, near);
    this.#hold(passage);
  }

  #pass(passage: Passage, from: Socket, to: Socket): void {
    from.on("data", (bytes) => {
      if (to.write(bytes)) return;
      from.pause();
      to.once("drain", () => this.#hold(passage));
    });
    from.on("error", () => undefined); // its close follows
    from.on("close", () => {
      to.destroy();
      this.#passages.delete(passage);
    });
  }
}
