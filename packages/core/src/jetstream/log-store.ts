/**
 * LOGS: the chunks of live logs, each with the offset of its first byte (counted after masking). A chunk may come twice
 * and after a later one: readers go by offsets alone. The spool on the host holds them until the log is kept elsewhere.
 */
import { setTimeout as delay } from "node:timers/promises";
import { AckPolicy, DeliverPolicy, type ConsumerInfo, type JsMsg } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { subjects, type AttemptAddress } from "../protocol/subjects.ts";
import { watchReconnects, type NatsLink } from "./connection.ts";
import type { LogChunk } from "./log-chunk.ts";
import { LogTail } from "./log-tail.ts";
import { STREAMS } from "./topology.ts";

/** Version of the chunk: 1 is the bytes as they are. */
const VERSION_HEADER = "Jobs-Chunk";
const OFFSET_HEADER = "Jobs-Offset";
/** What a reader has under way at most, bytes: it bounds the server's memory for a reader. */
const READ_AHEAD_BYTES = 4 * 1024 * 1024;
const INACTIVE_NS = 60e9;
const ACK_TIMEOUT_MS = 5_000;
const BROKEN: ReadonlySet<string> = new Set([
  "heartbeats_missed",
  "consumer_not_found",
  "consumer_deleted",
  "no_responders",
]);
/** Of several nodes the one that is asked may hear of a consumer on another later than we do: so often, so many milliseconds apart. */
const UNREACHED_MAX = 20;
const UNREACHED_MS = 50;

/** A chunk in LOGS, and where it is there. */
export interface StoredChunk extends LogChunk {
  readonly sequence: number;
}

export class LogStore {
  readonly #link: NatsLink;
  readonly #tails = new Set<LogTail>();

  constructor(link: NatsLink) {
    this.#link = link;
    watchReconnects(link, () => this.#tails.forEach((tail) => tail.end())); // what came meanwhile was missed
  }

  /** The agent's side. Throws when it was not acknowledged: send it again. */
  async append(address: AttemptAddress, chunk: LogChunk): Promise<void> {
    const head = headers();
    head.set(VERSION_HEADER, "1");
    head.set(OFFSET_HEADER, String(chunk.offset));
    await this.#link.js.publish(subjects.agent.log(address), chunk.bytes, { headers: head, timeout: ACK_TIMEOUT_MS });
  }

  /** Where the last stored chunk ends; 0 when none is stored. */
  async endOf(address: AttemptAddress): Promise<number> {
    const message = await this.#link.jsm.streams.getMessage(STREAMS.logs, {
      last_by_subj: subjects.agent.log(address),
    });
    return message === null ? 0 : Number(message.header.get(OFFSET_HEADER)) + message.data.length;
  }

  /** The chunks from now on as the agent sends them, without a way through the stream; it may end at any time. */
  tail(address: AttemptAddress): LogTail {
    const tail: LogTail = new LogTail({ onEnd: () => stop() });
    const subscription = this.#link.connection.subscribe(subjects.agent.log(address), {
      callback: (error, message) => {
        if (error !== null) return tail.end();
        tail.push({ offset: Number(message.headers?.get(OFFSET_HEADER)), bytes: message.data });
      },
    });
    const stop = (): void => {
      subscription.unsubscribe();
      this.#tails.delete(tail);
    };
    this.#tails.add(tail);
    return tail;
  }

  /**
   * Every chunk as it was stored, `"caught-up"` once, then each further chunk, until the signal; in the stream's order,
   * which after a break on the way is not the order of offsets; from the one with that sequence on, when one is given.
   * Throws when the consumer breaks: read again.
   */
  async *chunks(
    address: AttemptAddress,
    signal: AbortSignal,
    sequence?: number,
  ): AsyncGenerator<StoredChunk | "caught-up"> {
    const start =
      sequence === undefined
        ? { deliver_policy: DeliverPolicy.All }
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence };
    const info = await this.#link.jsm.consumers.add(STREAMS.logs, {
      filter_subject: subjects.agent.log(address),
      ...start,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_NS,
    });
    let delivered = 0;
    let isCaughtUp = info.num_pending === 0;
    try {
      if (isCaughtUp) yield "caught-up";
      for await (const message of this.#pull(info, signal)) {
        delivered++;
        if (message.info.deliverySequence !== delivered) throw new Error("a delivery of the log was lost");
        yield { offset: Number(message.headers?.get(OFFSET_HEADER)), bytes: message.data, sequence: message.seq };
        // What was stored when the reading began may have been removed since: then nothing is pending sooner.
        if (!isCaughtUp && (delivered >= info.num_pending || message.info.pending === 0)) {
          isCaughtUp = true;
          yield "caught-up";
        }
      }
    } finally {
      await this.#link.jsm.consumers.delete(STREAMS.logs, info.name).catch(() => undefined); // it goes by itself, too
    }
  }

  /** What the consumer delivers, until the signal. Throws when it breaks. */
  async *#pull(info: ConsumerInfo, signal: AbortSignal): AsyncGenerator<JsMsg> {
    const consumer = this.#link.js.consumers.getConsumerFromInfo(info);
    let isReached = false;
    for (let pulls = 1; ; pulls++) {
      const messages = await consumer.consume({
        max_bytes: READ_AHEAD_BYTES,
        expires: 30_000,
        idle_heartbeat: 1_000,
        bind: true,
      });
      const stop = (): void => messages.stop();
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      let broken: string | undefined;
      void (async () => {
        for await (const status of messages.status()) {
          if (status.type === "heartbeat") isReached = true;
          if (BROKEN.has(status.type)) {
            broken = status.type;
            stop();
          }
        }
      })();
      try {
        for await (const message of messages) {
          isReached = true;
          yield message;
        }
      } finally {
        signal.removeEventListener("abort", stop);
        stop();
      }
      if (broken === undefined || signal.aborted) return;
      if (broken !== "no_responders" || isReached || pulls === UNREACHED_MAX)
        throw new Error(`reading the log broke: ${broken}`);
      await delay(UNREACHED_MS);
    }
  }

  /** The log is kept elsewhere: removes its chunks. */
  async clear(address: AttemptAddress): Promise<void> {
    await this.#link.jsm.streams.purge(STREAMS.logs, { filter: subjects.agent.log(address) });
  }
}
