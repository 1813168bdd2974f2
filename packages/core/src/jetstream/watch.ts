/**
 * Follows a stream of last values: first what is stored, then each change, in order and without a gap.
 *
 *   connecting ──consumer made──► delivering ──gap, silence, reconnect──► connecting
 *
 * A stream on disk is resumed after the last message seen. One in memory, or one that was made anew, is read from the
 * start again, after `onReset`.
 */
import {
  AckPolicy,
  DeliverPolicy,
  jetstreamManager,
  type ConsumerInfo,
  type ConsumerMessages,
  type JetStreamManager,
  type JsMsg,
} from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";
import { watchReconnects, type NatsLink } from "./connection.ts";

export interface StreamMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly headers?: MsgHdrs | undefined;
  readonly bytes: Uint8Array;
  /** How long ago it was stored when the watch began, by the clock of nats-server; 0 for what came after. */
  readonly ageMs: number;
}

export interface StreamWatchOptions {
  readonly stream: string;
  readonly filter: string | readonly string[];
  readonly onMessage: (message: StreamMessage) => void;
  /** Called once after each (re)start, when all that was stored then has been delivered. */
  readonly onReady?: () => void;
  /** Called before messages come again from the start. */
  readonly onReset?: () => void;
  readonly onError?: (error: unknown) => void;
}

export interface StreamWatch {
  stop(): Promise<void>;
  /** Reads everything from the start again, after `onReset`. */
  readAnew(): void;
}

/** Without a heartbeat for twice this long the consumer is made anew, milliseconds. */
const HEARTBEAT_MS = 1_000;
const RETRY_MS = 200;
/** What is asked while a stream has no leader is never answered; whether it has one again is asked this often, milliseconds, at first. */
const LEADER_TIMEOUT_MS = 1_500;
/** Longer than leaders are chosen; who is not answered so often asks a nats-server that is slow. */
const LEADER_QUESTIONS = 10;
/** A consumer that was asked for and never answered is asked for again soon at first, then later, milliseconds. */
const FIRST_TIMEOUT_MS = 1_500;
const LAST_TIMEOUT_MS = 5_000;
const INACTIVE_NS = 30e9;
/** A watch that heard nothing for longer reads anew: removed records and the markers in their place may both be gone. */
const RESUMABLE_MS = 60_000;

export function watchStream(link: NatsLink, options: StreamWatchOptions): StreamWatch {
  const watch = new Watch(link, options);
  void watch.run();
  return watch;
}

class Watch implements StreamWatch {
  readonly #link: NatsLink;
  readonly #options: StreamWatchOptions;
  readonly #stopped = new AbortController();
  #messages: ConsumerMessages | undefined;
  #created: string | undefined;
  #lastSequence = 0;
  #mustReadAnew = false;
  #heardAtMs = Number.NEGATIVE_INFINITY;
  /** How often the stream's leader was asked without an answer. */
  #asked = 0;
  /** How often a consumer was asked for since one was made. */
  #attempts = 0;
  readonly #reconnects: { stop(): void };
  #finished: Promise<void> | undefined;

  constructor(link: NatsLink, options: StreamWatchOptions) {
    this.#link = link;
    this.#options = options;
    this.#reconnects = watchReconnects(link, () => this.#messages?.stop());
  }

  run(): Promise<void> {
    this.#finished ??= this.#loop();
    return this.#finished;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#reconnects.stop();
    this.#messages?.stop();
    await this.#finished;
  }

  readAnew(): void {
    this.#mustReadAnew = true;
    this.#messages?.stop();
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && !this.#link.connection.isClosed()) {
      try {
        await this.#deliver();
      } catch (error) {
        if (!signal.aborted) this.#options.onError?.(error);
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Delivers until the consumer breaks or the watch is stopped. */
  async #deliver(): Promise<void> {
    const { stream } = this.#options;
    const leader = await this.#manager(this.#asked++ < LEADER_QUESTIONS ? LEADER_TIMEOUT_MS : LAST_TIMEOUT_MS);
    const { created, state, config } = await leader.streams.info(stream);
    this.#asked = 0;
    const isSame =
      !this.#mustReadAnew &&
      created === this.#created &&
      config.storage === "file" &&
      state.last_seq >= this.#lastSequence &&
      performance.now() - this.#heardAtMs < RESUMABLE_MS;
    if (!isSame) {
      if (this.#created !== undefined) this.#options.onReset?.();
      this.#created = created;
      this.#mustReadAnew = false;
      this.#lastSequence = 0;
    }
    const filters = [this.#options.filter].flat();
    const jsm = await this.#manager(Math.min(FIRST_TIMEOUT_MS * 2 ** this.#attempts++, LAST_TIMEOUT_MS));
    const info = await jsm.consumers.add(stream, {
      ...(filters.length === 1 ? { filter_subject: filters[0] as string } : { filter_subjects: filters }),
      ...(isSame
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: this.#lastSequence + 1 }
        : { deliver_policy: DeliverPolicy.LastPerSubject }),
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_NS,
    });
    this.#attempts = 0;
    await this.#consume(info, state.last_seq);
  }

  #manager(timeout: number): Promise<JetStreamManager> {
    return jetstreamManager(this.#link.connection, { checkAPI: false, timeout });
  }

  /** `storedUpTo`: the last sequence of the stream before the consumer was made. */
  async #consume(info: ConsumerInfo, storedUpTo: number): Promise<void> {
    let delivered = 0;
    let isReady = false;
    const ready = (): void => {
      if (!isReady) this.#options.onReady?.();
      isReady = true;
    };
    if (info.num_pending === 0) ready();
    const onMessage = (message: JsMsg): void => {
      if (message.info.deliverySequence !== delivered + 1) {
        this.#messages?.stop(); // a delivery was lost: begin again after the last one seen
        return;
      }
      delivered++;
      this.#lastSequence = message.seq;
      this.#heardAtMs = performance.now();
      try {
        this.#options.onMessage(new Delivered(message, info.created));
      } catch (error) {
        this.#options.onError?.(error); // one message that cannot be read must not hide those after it
      }
      // Not by counting: what was stored then may be replaced, or removed without a word, before it is delivered.
      if (message.seq >= storedUpTo || message.info.pending === 0) ready();
    };
    const consumer = this.#link.js.consumers.getConsumerFromInfo(info);
    const messages = await consumer.consume({
      max_messages: 1_000,
      expires: 30_000,
      idle_heartbeat: HEARTBEAT_MS,
      bind: true, // when it is gone we make another: the client must not wait for this one
      callback: onMessage,
    });
    this.#messages = messages;
    if (this.#stopped.signal.aborted) messages.stop();
    void (async () => {
      for await (const status of messages.status()) {
        const isBroken = [
          "heartbeats_missed",
          "consumer_not_found",
          "consumer_deleted",
          "stream_not_found",
          "no_responders",
        ];
        if (isBroken.includes(status.type)) messages.stop();
        if (status.type === "heartbeat") this.#heardAtMs = performance.now();
        if (status.type === "heartbeat" && status.lastConsumerSequence <= delivered) ready(); // idle: nothing is left to deliver
      }
    })();
    await messages.closed();
    this.#messages = undefined;
    const gone = this.#link.jsm.consumers.delete(info.stream_name, info.name).catch(() => undefined); // gone, or goes by itself
    if (this.#stopped.signal.aborted) await gone; // else not: nobody answers for one that went with its nats-server
  }
}

/** Nothing is read of a message before it is asked for: most are this server's own writes, and known. */
class Delivered implements StreamMessage {
  readonly #message: JsMsg;
  readonly #watchedFrom: string;

  constructor(message: JsMsg, watchedFrom: string) {
    this.#message = message;
    this.#watchedFrom = watchedFrom;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get sequence(): number {
    return this.#message.seq;
  }

  get headers(): MsgHdrs | undefined {
    return this.#message.headers;
  }

  get bytes(): Uint8Array {
    return this.#message.data;
  }

  get ageMs(): number {
    return Math.max(0, Date.parse(this.#watchedFrom) - Date.parse(this.#message.timestamp));
  }
}
