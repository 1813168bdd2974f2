/**
 * JetStream as it was measured: one node, or three with a leader a stream.
 *
 * - One node checks the guard of a write against what is stored, and stores it. Killed and started anew it has its files
 *   as they were; what was in memory, and all consumers, are gone.
 * - Three nodes let a write be in flight for a while. Its guard is compared with what is applied, and with the guards in
 *   flight *literally*: two that overlap without being the same text are both let through. When the leader goes, a
 *   beginning of what is in flight is applied and the rest never is; nobody is told which.
 */
import type { Kernel } from "../kernel/kernel.ts";
import { Connection, type Nodes } from "./connection.ts";
import { Consumer } from "./consumer.ts";
import { Stream, type Message, type StreamConfig } from "./stream.ts";
import { fits } from "./subject-filter.ts";
import type { Ack, Guard, Write } from "./write.ts";

/** What stores a write, and whether it may be. */
interface Proposal {
  readonly writes: readonly Write[];
  readonly reply: (ack: Ack) => void;
}

export interface ClusterObserver {
  onStored(stream: string, message: Message, replaced: Message | undefined): void;
  /** A stream in memory went with its node. */
  onGone(stream: string): void;
}

const WRONG_LAST_SEQUENCE = { code: 10071, description: "wrong last sequence" };
const WRONG_LAST_SEQUENCE_IN_FLIGHT = { code: 10164, description: "wrong last sequence" };
const ACK_LOST = 0.001;

export class Cluster implements Nodes {
  readonly size: 1 | 3;
  readonly streams = new Map<string, Stream>();
  readonly connections = new Set<Connection>();
  readonly #consumers = new Map<string, Consumer>();
  readonly #kernel: Kernel;
  readonly #observer: ClusterObserver;
  readonly #up: boolean[];
  readonly #inFlight = new Map<string, Proposal[]>();
  /** Until when a stream answers nobody, by its name: an election, or a disk that is busy. */
  readonly #stalledUntilMs = new Map<string, number>();
  #isSettled = false;
  readonly #subscriptions = new Set<{
    readonly subject: string;
    readonly take: (body: string, reply: Reply) => void;
  }>();
  #lastArrivalMs = 0;
  #names = 0;

  constructor(kernel: Kernel, options: { readonly size: 1 | 3; readonly observer: ClusterObserver }) {
    this.#kernel = kernel;
    this.size = options.size;
    this.#observer = options.observer;
    this.#up = Array.from({ length: options.size }, () => true);
  }

  isUp(node: number): boolean {
    return this.#up[node] === true;
  }

  pickNode(): number | undefined {
    const up = this.#up.flatMap((isUp, node) => (isUp ? [node] : []));
    return up.length === 0 ? undefined : this.#kernel.random.pick(up);
  }

  connectionFor(owner: Connection["owner"]): Connection {
    const connection = new Connection(this.#kernel, this, owner);
    this.connections.add(connection);
    owner.onEnd(() => this.connections.delete(connection));
    return connection;
  }

  /** Asks the leader of a stream something that changes no message; without a leader nobody answers. */
  ask(stream: string, answer: (stream: Stream | undefined) => void): void {
    this.#atLeader(stream, () => {
      const found = this.streams.get(stream);
      found?.expire(this.#kernel.nowMs);
      answer(found);
    });
  }

  addStream(config: StreamConfig): void {
    if (this.streams.has(config.name)) return;
    this.streams.set(config.name, new Stream(config, `${this.#kernel.nowMs}/${this.#names++}`));
  }

  /** One write, or a batch that is stored wholly or not at all. */
  publish(writes: readonly Write[], reply: (ack: Ack) => void): void {
    const name = this.#streamOf(writes[0]?.subject ?? "");
    if (name === undefined) return this.#nobody(reply);
    this.#atLeader(name, () => {
      const stream = this.streams.get(name);
      if (stream === undefined) return this.#nobody(reply);
      stream.expire(this.#kernel.nowMs);
      const refusal = this.#refusal(stream, writes);
      if (refusal !== undefined) {
        this.#kernel.count(`nats: refused ${refusal.code}`);
        return reply({ error: refusal });
      }
      if (this.size === 1) return this.#apply(stream, { writes, reply });
      return this.#propose(stream, { writes, reply });
    });
  }

  addConsumer(
    stream: Stream,
    options: { name?: string; filters: readonly string[]; from: number; isAcknowledged: boolean },
  ) {
    const name = options.name ?? `c${this.#names++}`;
    const key = `${stream.config.name}/${name}`;
    const known = this.#consumers.get(key);
    if (known !== undefined) return known;
    const node = this.pickNode() ?? 0;
    const consumer = new Consumer(this.#kernel, stream, { ...options, name, node });
    const { random } = this.#kernel;
    if (random.chance(0.1))
      consumer.lagMs = random.chance(0.3) ? random.between(1_000, 20_000) : random.between(5, 500);
    if (this.#isSettled) consumer.lagMs = 0;
    this.#consumers.set(key, consumer);
    return consumer;
  }

  findConsumer(stream: string, name: string): Consumer | undefined {
    return this.#consumers.get(`${stream}/${name}`);
  }

  removeConsumer(stream: string, name: string): void {
    const consumer = this.findConsumer(stream, name);
    if (consumer !== undefined) consumer.isGone = true;
    this.#consumers.delete(`${stream}/${name}`);
  }

  consumers(): readonly Consumer[] {
    return [...this.#consumers.values()];
  }

  /** Core NATS: whoever subscribes hears it; nobody keeps it. */
  subscribe(subject: string, take: (body: string, reply: Reply) => void): () => void {
    const subscription = { subject, take };
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  /** False when nobody listens. */
  tell(subject: string, body: string, reply: Reply): boolean {
    const heard = [...this.#subscriptions].filter((one) => fits(one.subject, subject));
    for (const { take } of heard) take(body, reply);
    return heard.length > 0;
  }

  /** `kill -9` of a node. */
  killNode(node: number): void {
    this.#up[node] = false;
    for (const consumer of this.consumers())
      if (this.size === 1 || consumer.node === node) this.removeConsumer(consumer.stream.config.name, consumer.name);
    if (this.size === 1) {
      for (const [name, { config }] of this.streams) {
        if (config.storage !== "memory") continue;
        this.streams.delete(name);
        this.#observer.onGone(name);
      }
    } else {
      for (const name of this.streams.keys()) if (this.#kernel.random.chance(1 / 3)) this.changeLeader(name);
    }
    for (const connection of this.connections) if (connection.node === node) connection.lose();
  }

  startNode(node: number): void {
    this.#up[node] = true;
  }

  /** An election: nobody answers for a while, and what is in flight is applied up to some point. */
  changeLeader(stream: string): void {
    const { random, nowMs } = this.#kernel;
    this.#stalledUntilMs.set(stream, nowMs + random.between(4_000, 9_000));
    const inFlight = this.#inFlight.get(stream) ?? [];
    this.#inFlight.set(stream, []);
    const applied = this.streams.get(stream);
    const count = random.below(inFlight.length + 1);
    for (const { writes } of inFlight.slice(0, count))
      if (applied !== undefined) this.#apply(applied, { writes, reply: () => undefined });
  }

  /** The disk of the stream is busy for a while: nobody is answered, nothing is lost. */
  stall(stream: string, forMs: number): void {
    this.#stalledUntilMs.set(stream, this.#kernel.nowMs + forMs);
  }

  /** Everything answers again, and no consumer lags any more, whenever it is made. */
  settle(): void {
    this.#isSettled = true;
    this.#stalledUntilMs.clear();
    for (const consumer of this.consumers()) consumer.lagMs = 0;
  }

  #atLeader(name: string, act: () => void): void {
    const { nowMs } = this.#kernel;
    const untilMs = this.#stalledUntilMs.get(name) ?? 0;
    if (!this.#up.includes(true)) return;
    if (nowMs >= untilMs) return act();
    // Three nodes without a leader answer nothing; one with a busy disk answers late, in order.
    if (this.size === 3) return;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, untilMs) + 0.001;
    this.#kernel.plan({ delayMs: this.#lastArrivalMs - nowMs, label: "stalled request", owner: undefined }, () => {
      if (this.#up.includes(true)) act();
    });
  }

  #refusal(stream: Stream, writes: readonly Write[]): Guard["refusal"] {
    const inFlight = this.#inFlight.get(stream.config.name) ?? [];
    for (const { guard } of writes) {
      if (guard === undefined) continue;
      const isInFlight = inFlight.some((proposal) => proposal.writes.some((one) => one.guard?.filter === guard.filter));
      if (isInFlight) return WRONG_LAST_SEQUENCE_IN_FLIGHT;
      if (stream.lastUnder(guard.filter) !== guard.sequence) return WRONG_LAST_SEQUENCE;
    }
    return undefined;
  }

  #propose(stream: Stream, proposal: Proposal): void {
    const { random } = this.#kernel;
    const { name } = stream.config;
    const inFlight = this.#inFlight.get(name) ?? [];
    this.#inFlight.set(name, [...inFlight, proposal]);
    const delayMs = random.chance(0.02) ? random.between(10, 3_000) : random.between(0.3, 4);
    this.#kernel.plan({ delayMs, label: "commit", owner: undefined }, () => this.#commitUpTo(stream, proposal));
  }

  /** Applied in the order in which they were proposed. */
  #commitUpTo(stream: Stream, proposal: Proposal): void {
    const inFlight = this.#inFlight.get(stream.config.name) ?? [];
    const end = inFlight.indexOf(proposal) + 1;
    if (end === 0) return;
    this.#inFlight.set(stream.config.name, inFlight.slice(end));
    for (const one of inFlight.slice(0, end)) this.#apply(stream, one);
  }

  #apply(stream: Stream, { writes, reply }: Proposal): void {
    let sequence = 0;
    const { nowMs, random } = this.#kernel;
    for (const { subject, bytes, headers, ttlMs } of writes) {
      const replaced = stream.lastOn(subject);
      const expiresAtMs = ttlMs === undefined ? Number.POSITIVE_INFINITY : nowMs + ttlMs;
      const message = stream.append({ subject, bytes, headers, storedAtMs: nowMs, expiresAtMs });
      ({ sequence } = message);
      this.#observer.onStored(stream.config.name, message, replaced);
    }
    for (const consumer of this.#consumers.values()) if (consumer.stream === stream) consumer.pump();
    if (!random.chance(ACK_LOST)) reply({ sequence });
  }

  #nobody(reply: (ack: Ack) => void): void {
    reply({ error: { code: 503, description: "no responders" } });
  }

  #streamOf(subject: string): string | undefined {
    for (const [name, { config }] of this.streams)
      if (config.subjects.some((filter) => fits(filter, subject))) return name;
    return undefined;
  }
}

export type Reply = (body: string) => void;
