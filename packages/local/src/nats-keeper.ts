import { setTimeout as delay } from "node:timers/promises";
import type { Service } from "@jobs/core";
import type { NatsServerProcess } from "@jobs/core/nats-server";

const AGAIN_MS = 1_000;

/** Keeps a nats-server running: one that ends by itself, or is killed, is started again on the same port and data. */
export class NatsKeeper implements Service {
  readonly #program: NatsServerProcess;
  readonly #complain: (line: string) => void;
  readonly #stopping = new AbortController();
  #keeping: Promise<void> | undefined;

  constructor(program: NatsServerProcess, complain: (line: string) => void) {
    this.#program = program;
    this.#complain = complain;
  }

  /** Throws `store-unavailable` when the first start fails. */
  async start(): Promise<void> {
    if (this.#keeping !== undefined) return;
    await this.#program.start();
    this.#keeping = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#program.stop();
    await this.#keeping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { code, signal: killedBy } = await this.#program.exited;
      if (signal.aborted) return;
      this.#complain(`nats-server ended (${killedBy ?? `exit code ${code}`}); it is started again`);
      try {
        await this.#program.start();
      } catch (error) {
        this.#complain(`nats-server did not start: ${String(error)}`);
        await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined); // ended by the stop
      }
    }
  }
}
