/** A consumer on the server's side: delivers a stream in order to the connection that pulls. */
import type { Kernel } from "../kernel/kernel.ts";
import type { Connection } from "./connection.ts";
import type { Message, Stream } from "./stream.ts";

/** What a delivery says of itself. */
export interface Delivery {
  readonly message: Message;
  readonly deliverySequence: number;
  /** How many follow: only whether it is none counts. */
  readonly pending: number;
}

interface ConsumerOptions {
  readonly name: string;
  readonly filters: readonly string[];
  readonly from: number;
  readonly isAcknowledged: boolean;
  /** The node that holds it: with the node it is gone. */
  readonly node: number;
}

const ACK_WAIT_MS = 30_000;
const DELIVERIES_AT_ONCE = 50;

export class Consumer {
  readonly name: string;
  readonly stream: Stream;
  readonly filters: readonly string[];
  readonly node: number;
  isGone = false;
  /** How far its replica of the stream lags. */
  lagMs = 0;
  delivered = 0;
  readonly #kernel: Kernel;
  readonly #isAcknowledged: boolean;
  readonly #unacknowledged = new Set<number>();
  #next: number;
  #puller: { readonly connection: Connection; readonly take: (delivery: Delivery) => void } | undefined;
  #isPumping = false;

  constructor(kernel: Kernel, stream: Stream, options: ConsumerOptions) {
    this.#kernel = kernel;
    this.stream = stream;
    this.name = options.name;
    this.filters = options.filters;
    this.node = options.node;
    this.#next = options.from;
    this.#isAcknowledged = options.isAcknowledged;
  }

  /** Pulls from now on; whoever pulled before does no more. */
  attach(connection: Connection, take: (delivery: Delivery) => void): void {
    this.#puller = { connection, take };
    this.pump();
  }

  detach(take: (delivery: Delivery) => void): void {
    if (this.#puller?.take === take) this.#puller = undefined;
  }

  /** The process that pulls, if one does. */
  get owner(): Connection["owner"] | undefined {
    return this.#puller?.connection.owner;
  }

  isPulledBy(take: (delivery: Delivery) => void): boolean {
    return this.#puller?.take === take;
  }

  acknowledge(sequence: number): void {
    this.#unacknowledged.delete(sequence);
  }

  /** Delivers what there is, after the lag. */
  pump(): void {
    if (this.#isPumping || this.#puller === undefined || this.isGone) return;
    this.#isPumping = true;
    const delayMs = this.lagMs + this.#kernel.random.between(0.05, 1);
    this.#kernel.plan({ delayMs, label: "consumer delivers", owner: undefined }, () => {
      this.#isPumping = false;
      for (let count = 0; count < DELIVERIES_AT_ONCE; count++) {
        const message = this.stream.from(this.#next, this.filters);
        if (message === undefined) return;
        this.#next = message.sequence + 1;
        this.#deliver(message);
      }
      this.pump();
    });
  }

  #deliver(message: Message): void {
    const puller = this.#puller;
    if (puller === undefined || this.isGone) return;
    const deliverySequence = ++this.delivered;
    const pending = this.stream.from(this.#next, this.filters) === undefined ? 0 : 1;
    if (this.#isAcknowledged) this.#deliverAgainUnlessAcknowledged(message);
    puller.connection.toClient("delivery", () => puller.take({ message, deliverySequence, pending }));
  }

  #deliverAgainUnlessAcknowledged(message: Message): void {
    this.#unacknowledged.add(message.sequence);
    this.#kernel.plan({ delayMs: ACK_WAIT_MS, label: "ack wait", owner: undefined }, () => {
      const isStored = this.stream.lastOn(message.subject) === message;
      if (!this.isGone && isStored && this.#unacknowledged.has(message.sequence)) this.#deliver(message);
    });
  }
}
