/**
 * The log of one attempt while LOGS has it: its bytes in order and gapless, from any offset on. What is stored is read
 * from the stream by a consumer that holds back; what comes is heard as the host sends it, without a way through the
 * stream, and the stream is read again where something was missed (ADR 0008).
 */
import type { LogFrame } from "@jobs/core";
import type { AttemptAddress, LogChunk, LogStore, LogTail } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { InOrder } from "./in-order.ts";

export interface LiveLogOptions {
  readonly logs: LogStore;
  readonly address: AttemptAddress;
  /** Offset of the first byte that is wanted. */
  readonly from: number;
  readonly log: Logger;
}

const AGAIN_MS = 100;
/** After this long without a chunk it is looked whether one was missed, milliseconds. */
const QUIET_MS = 5_000;

export class LiveLog {
  readonly #options: LiveLogOptions;
  readonly #order: InOrder;
  /** Listens since before LOGS was read, so that nothing falls between. */
  #tail: LogTail | undefined;
  /** Of the last chunk that was taken from LOGS: all before it need not be read again. */
  #sequence: number | undefined;

  constructor(options: LiveLogOptions) {
    this.#options = options;
    this.#order = new InOrder(options.from);
  }

  /** The offset of the next byte. */
  get position(): number {
    return this.#order.position;
  }

  /** What LOGS has by now. */
  async *stored(signal: AbortSignal): AsyncGenerator<LogFrame> {
    while (!signal.aborted) {
      this.#listen();
      try {
        return yield* this.#stored(signal);
      } catch (error) {
        await this.#again(error);
      }
    }
  }

  /** What comes after that, until the signal. */
  async *coming(signal: AbortSignal): AsyncGenerator<LogFrame> {
    while (!signal.aborted) {
      try {
        yield* this.#coming(signal);
        if (!signal.aborted) await this.#again();
      } catch (error) {
        await this.#again(error);
      }
    }
  }

  /** What comes up to an offset; ends before it when nothing came for so long. The time that the reader takes does not count. */
  async *upTo(end: number, patienceMs: number, signal: AbortSignal): AsyncGenerator<LogFrame> {
    if (this.position >= end) return;
    const patience = new AbortController();
    const wait = (): NodeJS.Timeout => setTimeout(() => patience.abort(), patienceMs);
    let timer = wait();
    try {
      for await (const frame of this.coming(AbortSignal.any([signal, patience.signal]))) {
        clearTimeout(timer);
        yield frame;
        if (this.position >= end) return;
        timer = wait();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Listens no longer. */
  close(): void {
    this.#tail?.end();
    this.#tail = undefined;
  }

  async *#stored(signal: AbortSignal): AsyncGenerator<LogFrame> {
    const { logs, address } = this.#options;
    const before = this.position;
    if ((await logs.endOf(address)) <= before) return;
    for await (const chunk of logs.chunks(address, signal, this.#sequence)) {
      if (chunk === "caught-up") break;
      const frame = this.#take(chunk);
      if (frame === undefined) continue;
      this.#sequence = chunk.sequence;
      yield frame;
    }
    if (this.position > before || this.#sequence === undefined || signal.aborted) return;
    // What is wanted does not follow the last chunk: LOGS may be another one, restored.
    this.#sequence = undefined;
    yield* this.#stored(signal);
  }

  /** Ends when something was missed on the way. */
  async *#coming(signal: AbortSignal): AsyncGenerator<LogFrame> {
    const { logs, address } = this.#options;
    const wasListening = this.#tail !== undefined;
    const tail = this.#listen();
    const stop = (): void => tail.end();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (!wasListening) yield* this.#stored(signal);
      for (;;) {
        const chunk = await tail.next(QUIET_MS);
        if (chunk === undefined) return;
        if (chunk === "quiet") {
          // A message may have been lost between two nats-servers without a word.
          if ((await logs.endOf(address)) > this.position) return;
          continue;
        }
        if (chunk.offset > this.position) return;
        const frame = this.#take(chunk);
        if (frame !== undefined) yield frame;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.close();
    }
  }

  #listen(): LogTail {
    this.#tail ??= this.#options.logs.tail(this.#options.address);
    return this.#tail;
  }

  #take(chunk: LogChunk): LogFrame | undefined {
    const offset = this.position;
    const bytes = this.#order.take(chunk);
    return bytes === undefined ? undefined : { attempt: this.#options.address.attempt, offset, bytes };
  }

  /** Before it begins again where it is. What broke is a consumer, with its nats-server perhaps. */
  async #again(error?: unknown): Promise<void> {
    const { log, address } = this.#options;
    if (error !== undefined) log.debug({ err: error, ...address }, "reading a live log broke and begins again");
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
