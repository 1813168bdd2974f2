/** What `consume()` of nats.js gives: deliveries, the statuses beside them, an end. */
import type { MsgHdrs } from "@nats-io/transport-node";
import { kernel, machine } from "../kernel/machine.ts";
import type { Connection } from "../nats/connection.ts";
import type { Delivery } from "../nats/consumer.ts";
import { Feed } from "./feed.ts";

/** What is needed to pull from a consumer. */
export interface PulledConsumer {
  readonly stream_name: string;
  readonly name: string;
  /** RFC 3339, by the clock of nats-server. */
  readonly created?: string;
}

/** A delivered message, the part of nats.js's that the product uses. */
export interface JsMsg {
  readonly subject: string;
  readonly seq: number;
  readonly headers: MsgHdrs | undefined;
  readonly data: Uint8Array;
  readonly timestamp: string;
  readonly info: { readonly deliverySequence: number; readonly pending: number };
  ack(): void;
  json(): unknown;
}

export interface ConsumeOptions {
  readonly callback?: (message: JsMsg) => void;
}

type Status =
  | { readonly type: "heartbeat"; readonly lastConsumerSequence: number }
  | { readonly type: "heartbeats_missed" | "consumer_not_found" | "no_responders" };

/** How often it is looked whether the consumer is still there: nats.js does it each second, which here costs too many steps. */
const HEARTBEAT_MS = 4_000;
const FIRST_HEARTBEAT_MS = 1_000;

export class PulledMessages {
  readonly #link: Connection;
  readonly #consumer: PulledConsumer;
  readonly #statuses = new Feed<Status>();
  readonly #messages = new Feed<JsMsg>();
  readonly #callback: ((message: JsMsg) => void) | undefined;
  readonly #first: NodeJS.Timeout;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #take = (delivery: Delivery): void => this.#onDelivery(delivery);
  #onClosed: () => void = () => undefined;
  readonly #closed = new Promise<void>((resolve) => (this.#onClosed = resolve));
  #isStopped = false;

  constructor(link: Connection, consumer: PulledConsumer, { callback }: ConsumeOptions) {
    this.#link = link;
    this.#consumer = consumer;
    this.#callback = callback;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    const { cluster } = machine();
    this.#first = setTimeout(() => this.#beat(), FIRST_HEARTBEAT_MS);
    link.toServer("pull", () => {
      const found = cluster.findConsumer(consumer.stream_name, consumer.name);
      if (this.#isStopped) return;
      if (found === undefined)
        return link.toClient("no consumer", () => this.#statuses.push({ type: "no_responders" }));
      found.attach(link, this.#take);
      link.onLost(() => found.detach(this.#take));
    });
  }

  status(): AsyncIterable<Status> {
    return this.#statuses;
  }

  closed(): Promise<void> {
    return this.#closed;
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearTimeout(this.#first);
    clearInterval(this.#heartbeat);
    machine().cluster.findConsumer(this.#consumer.stream_name, this.#consumer.name)?.detach(this.#take);
    this.#statuses.stop();
    this.#messages.stop();
    this.#onClosed();
  }

  [Symbol.asyncIterator](): AsyncIterator<JsMsg> {
    return this.#messages[Symbol.asyncIterator]();
  }

  #beat(): void {
    const consumer = machine().cluster.findConsumer(this.#consumer.stream_name, this.#consumer.name);
    const isHeard = this.#link.isConnected && !this.#link.isCut;
    if (!isHeard || consumer?.isPulledBy(this.#take) !== true)
      return this.#statuses.push({ type: "heartbeats_missed" });
    const lastConsumerSequence = consumer.delivered;
    return this.#link.toClient("heartbeat", () => this.#statuses.push({ type: "heartbeat", lastConsumerSequence }));
  }

  #onDelivery({ message, deliverySequence, pending }: Delivery): void {
    if (this.#isStopped) return;
    const { cluster } = machine();
    const { stream_name: stream, name } = this.#consumer;
    const delivered: JsMsg = {
      subject: message.subject,
      seq: message.sequence,
      headers: message.headers,
      data: message.bytes,
      timestamp: new Date(message.storedAtMs).toISOString(),
      info: { deliverySequence, pending },
      ack: () => {
        // One in a while is lost: the message comes again.
        if (kernel().random.chance(0.02)) return;
        this.#link.toServer("ack", () => cluster.findConsumer(stream, name)?.acknowledge(message.sequence));
      },
      json: () => JSON.parse(new TextDecoder().decode(message.bytes)) as unknown,
    };
    if (this.#callback === undefined) this.#messages.push(delivered);
    else this.#callback(delivered);
  }
}
