/** Keeps the agent connected to its supervisor; starts one when there is none. */
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { SupervisorWatch } from "./supervisor-watch.ts";
import { bootClockMs } from "./supervisor/boot-clock.ts";
import { ANSWER_LIMIT_MS, type SupervisorClient } from "./supervisor/client.ts";
import { connectSupervisor } from "./supervisor/launch.ts";
import { findProcess, signalProcess } from "./supervisor/process-table.ts";
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
  /**
   * For how long what runs on the host may do so without an acknowledged beat. A supervisor that hangs for longer is
   * killed: its successor ends what it leaves. Left out: none is.
   */
  readonly contactLimitMs?: () => number;
  readonly log: Logger;
}

const AGAIN_MS = 500;

export class SupervisorLink {
  readonly #options: SupervisorLinkOptions;
  readonly #stopping = new AbortController();
  readonly #watch: SupervisorWatch;
  #client: SupervisorClient | undefined;
  #closed: Promise<void> = Promise.resolve();
  #reconnecting: Promise<void> = Promise.resolve();
  #wasConnected = false;
  /** The connection whose supervisor was killed: once is enough, and said once. */
  #killed: SupervisorClient | undefined;
  #wasAnswering = true;

  constructor(options: SupervisorLinkOptions) {
    this.#options = options;
    const { answerLimitMs = ANSWER_LIMIT_MS, contactLimitMs = () => Number.POSITIVE_INFINITY } = options;
    this.#watch = new SupervisorWatch({
      bootClockMs,
      answerLimitMs,
      contactLimitMs,
      onUnasked: (sentAtBootMs) => this.beat(sentAtBootMs),
      onOverdue: (silence) => this.#kill(silence),
    });
  }

  get client(): SupervisorClient | undefined {
    return this.#client;
  }

  /** A beat sent at this instant of the boot clock was acknowledged. */
  beat(sentAtBootMs: number): void {
    this.#watch.beat(sentAtBootMs);
    this.#client?.beat(sentAtBootMs);
    if (this.#client?.hello.answersBeats === true) this.#watch.owes();
  }

  /** False while a supervisor hangs or is gone, for some seconds already. An older one that answers no beats is not judged. */
  isAnswering(): boolean {
    const { log } = this.#options;
    const isAnswering = this.#watch.isAnswering();
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
      this.#watch.owes();
      closed();
      if (!this.#stopping.signal.aborted) this.#reconnecting = this.#again();
    };
    const onBeat = (): void => this.#watch.answered();
    const onHello = (client: SupervisorClient): void => {
      this.#client = client;
      this.#wasConnected = true;
      onBeat();
      if (!this.#stopping.signal.aborted) this.#watch.start();
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
    this.#leave();
    this.#client?.close();
  }

  /** Ends every attempt and the supervisor. */
  async end(graceMs: number): Promise<void> {
    this.#leave();
    await this.#reconnecting;
    // It may have been started anew just now, and not have been heard of yet.
    if (this.#client === undefined && this.#wasConnected) await this.start();
    if (this.#client === undefined) return;
    this.#client.stop(graceMs);
    await this.#closed;
  }

  #leave(): void {
    this.#stopping.abort();
    this.#watch.stop();
  }

  /** The connection to it is open, so its process id is not another one's by now. */
  #kill(silence: object): void {
    const client = this.#client;
    if (client === undefined || client === this.#killed) return;
    this.#killed = client;
    const { pid } = client.hello;
    this.#options.log.warn(
      { pid, ...silence },
      "the supervisor hangs, and what it runs is to be called lost: it is killed, and its successor ends what is left",
    );
    const supervisor = findProcess(pid);
    if (supervisor !== undefined) signalProcess(supervisor, "SIGKILL");
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
