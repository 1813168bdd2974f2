/** Keeps the agent connected to its supervisor; starts one when there is none. */
import type { Logger } from "pino";
import type { SupervisorClient } from "./supervisor/client.ts";
import { connectSupervisor } from "./supervisor/launch.ts";
import type { AttemptStatus, SpoolGrowth } from "./supervisor/protocol.ts";

export interface SupervisorLinkOptions {
  readonly stateDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly session: string;
  /** With what the supervisor holds; comes before anything else that it says on this connection. */
  readonly onConnected: (statuses: readonly AttemptStatus[]) => void;
  readonly onStatus: (status: AttemptStatus) => void;
  readonly onOutput: (run: string, attempt: number, growth: SpoolGrowth) => void;
  readonly log: Logger;
}

const AGAIN_MS = 500;

export class SupervisorLink {
  readonly #options: SupervisorLinkOptions;
  readonly #stopping = new AbortController();
  #client: SupervisorClient | undefined;
  #closed: Promise<void> = Promise.resolve();
  #reconnecting: Promise<void> = Promise.resolve();
  #wasConnected = false;

  constructor(options: SupervisorLinkOptions) {
    this.#options = options;
  }

  get client(): SupervisorClient | undefined {
    return this.#client;
  }

  async start(): Promise<void> {
    const { stateDir, env, session, onConnected, onStatus, onOutput } = this.#options;
    let closed: () => void = () => undefined;
    this.#closed = new Promise((resolve) => (closed = resolve));
    const onClosed = (): void => {
      this.#client = undefined;
      closed();
      if (!this.#stopping.signal.aborted) this.#reconnecting = this.#again();
    };
    const onHello = (client: SupervisorClient): void => {
      this.#client = client;
      this.#wasConnected = true;
      onConnected(client.hello.attempts);
    };
    const listener = { onHello, onStatus, onOutput, onClosed };
    const { signal } = this.#stopping;
    await connectSupervisor({ stateDir, env, session, listener, ...(signal.aborted ? {} : { signal }) });
  }

  /** Leaves the supervisor and what it runs alone. */
  detach(): void {
    this.#stopping.abort();
    this.#client?.close();
  }

  /** Ends every attempt and the supervisor. */
  async end(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#reconnecting;
    // It may have been started anew just now, and not have been heard of yet.
    if (this.#client === undefined && this.#wasConnected) await this.start();
    if (this.#client === undefined) return;
    this.#client.stop(graceMs);
    await this.#closed;
  }

  async #again(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        return await this.start();
      } catch (error) {
        this.#options.log.error({ err: error }, "the supervisor cannot be reached; it is tried again");
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}
