/** One stream as its leader has applied it. */
import type { MsgHdrs } from "@nats-io/transport-node";
import { fits } from "./subject-filter.ts";

export interface Message {
  readonly subject: string;
  readonly sequence: number;
  readonly headers: MsgHdrs | undefined;
  readonly bytes: Uint8Array;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
}

export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly storage: string;
  readonly max_msgs_per_subject?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

export class Stream {
  readonly config: StreamConfig;
  readonly created: string;
  lastSequence = 0;
  /** In the order of sequences; `undefined`: removed. */
  #log: (Message | undefined)[] = [];
  #sequences: number[] = [];
  readonly #last = new Map<string, Message>();
  /** What stood there before, for replicas that lag. */
  readonly #before = new Map<string, Message>();
  #nextExpiryMs = Number.POSITIVE_INFINITY;

  constructor(config: StreamConfig, created: string) {
    this.config = config;
    this.created = created;
  }

  append(message: Omit<Message, "sequence">): Message {
    const stored = { ...message, sequence: ++this.lastSequence };
    const before = this.#last.get(message.subject);
    if (before !== undefined && this.config.max_msgs_per_subject === 1) {
      this.#before.set(message.subject, before);
      this.#forget(before);
    }
    this.#log.push(stored);
    this.#sequences.push(stored.sequence);
    this.#last.set(message.subject, stored);
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, stored.expiresAtMs);
    return stored;
  }

  /** The last sequence that is there under a filter; 0 when there is none: it falls back as messages go. */
  lastUnder(filter: string): number {
    const exact = this.#last.get(filter);
    if (exact !== undefined) return exact.sequence;
    let last = 0;
    for (const [subject, { sequence }] of this.#last) if (sequence > last && fits(filter, subject)) last = sequence;
    return last;
  }

  lastOn(subject: string): Message | undefined {
    return this.#last.get(subject);
  }

  /** As a replica that lags may still have it. */
  beforeOn(subject: string): Message | undefined {
    return this.#before.get(subject);
  }

  /** The first message from a sequence on that fits a filter. */
  from(sequence: number, filters: readonly string[]): Message | undefined {
    for (let index = this.#indexOf(sequence); index < this.#log.length; index++) {
      const message = this.#log[index];
      if (message !== undefined && filters.some((filter) => fits(filter, message.subject))) return message;
    }
    return undefined;
  }

  count(filters: readonly string[], from = 1): number {
    let count = 0;
    for (let next = this.from(from, filters); next !== undefined; next = this.from(next.sequence + 1, filters)) count++;
    return count;
  }

  all(): readonly Message[] {
    return this.#log.filter((message) => message !== undefined);
  }

  purge(filter: string): void {
    for (const message of this.all()) {
      if (!fits(filter, message.subject)) continue;
      this.#forget(message);
      this.#last.delete(message.subject);
    }
  }

  /** Removes what has expired, without a word to anybody. */
  expire(nowMs: number): void {
    if (nowMs < this.#nextExpiryMs) return;
    this.#nextExpiryMs = Number.POSITIVE_INFINITY;
    for (const message of this.all()) {
      if (message.expiresAtMs > nowMs) {
        this.#nextExpiryMs = Math.min(this.#nextExpiryMs, message.expiresAtMs);
        continue;
      }
      this.#forget(message);
      if (this.#last.get(message.subject) === message) this.#last.delete(message.subject);
    }
  }

  #forget(message: Message): void {
    const index = this.#indexOf(message.sequence);
    if (this.#sequences[index] === message.sequence) this.#log[index] = undefined;
    if (index > 64 && this.#log.length > 4 * this.#last.size) this.#compact();
  }

  #compact(): void {
    this.#log = this.#log.filter((message) => message !== undefined);
    this.#sequences = this.#log.map((message) => message?.sequence ?? 0);
  }

  #indexOf(sequence: number): number {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sequences[middle] ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
