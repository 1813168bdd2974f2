/** Keeps the agent connected to its supervisor; starts one when there is none. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { bootClockMs } from "./supervisor/boot-clock.ts";
import { ANSWER_LIMIT_MS, type SupervisorClient } from "./supervisor/client.ts";
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
  readonly answerLimitMs?: number;
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
  /** Since when the supervisor owes an answer; undefined while it owes none. */
  #owesSinceBootMs: number | undefined;
  #wasAnswering = true;

  constructor(options: SupervisorLinkOptions) {
    this.#options = options;
  }

  get client(): SupervisorClient | undefined {
    return this.#client;
  }

  /** A beat sent at this instant of the boot clock was acknowledged. */
  beat(sentAtBootMs: number): void {
    this.#client?.beat(sentAtBootMs);
    if (this.#client?.hello.answersBeats === true) this.#owesSinceBootMs ??= bootClockMs();
  }

  /** False while a supervisor hangs or is gone, for some seconds already. An older one that answers no beats is not judged. */
  isAnswering(): boolean {
    const { log, answerLimitMs = ANSWER_LIMIT_MS } = this.#options;
    const owesSince = this.#owesSinceBootMs;
    const isAnswering = owesSince === undefined || bootClockMs() - owesSince <= answerLimitMs;
    if (this.#wasAnswering && !isAnswering)
      log.error("the supervisor does not answer: until it does, this host is not in contact");
    if (!this.#wasAnswering && isAnswering) log.info("the supervisor answers again");
    this.#wasAnswering = isAnswering;
    return isAnswering;
  }

  async start(): Promise<void> {
    const { stateDir, env, session, answerLimitMs, onConnected, onStatus, onOutput } = this.#options;
    let closed: () => void = () => undefined;
    this.#closed = new Promise((resolve) => (closed = resolve));
    const onClosed = (): void => {
      this.#client = undefined;
      this.#owesSinceBootMs = bootClockMs();
      closed();
      if (!this.#stopping.signal.aborted) this.#reconnecting = this.#again();
    };
    const onBeat = (): void => void (this.#owesSinceBootMs = undefined);
    const onHello = (client: SupervisorClient): void => {
      this.#client = client;
      this.#wasConnected = true;
      onBeat();
      onConnected(client.hello.attempts);
    };
    const listener = { onHello, onStatus, onOutput, onBeat, onClosed };
    const { signal } = this.#stopping;
    await connectSupervisor({
      stateDir,
      env,
      session,
      answerLimitMs,
      listener,
      ...(signal.aborted ? {} : { signal }),
    });
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
    const { signal } = this.#stopping;
    for (;;) {
      // Also the first time: it may be another agent that took this one's place, and does so again.
      await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        return await this.start();
      } catch (error) {
        this.#options.log.error({ err: error }, "the supervisor cannot be reached; it is tried again");
      }
    }
  }
}
