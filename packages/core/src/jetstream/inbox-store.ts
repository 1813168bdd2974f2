/**
 * INBOX: what the server wants of a host; the last message a subject, removed when it was answered. It is in memory:
 * reconciling puts it there again. An agent pulls from a consumer of its own, which the server makes for it.
 */
import {
  AckPolicy,
  DeliverPolicy,
  ReplayPolicy,
  type ConsumerInfo,
  type ConsumerMessages,
  type JsMsg,
} from "@nats-io/jetstream";
import { InboxMessage } from "../protocol/messages.ts";
import { subjects, type AttemptAddress } from "../protocol/subjects.ts";
import { watchReconnects, type NatsLink } from "./connection.ts";
import { ConnectionLostError } from "./requests.ts";
import { STREAMS } from "./topology.ts";

const HOUR_NS = 3_600e9;
const ACK_WAIT_NS = 30e9;

/** The server's side. */
export class InboxStore {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  async put(agent: string, message: InboxMessage): Promise<void> {
    const subject = subjects.inbox.message({ agent, run: message.run, attempt: message.attempt }, message.kind);
    await this.#link.js.publish(subject, JSON.stringify(message));
  }

  /** Removes all messages about an attempt: the host has answered them. */
  async clear(address: AttemptAddress): Promise<void> {
    await this.#link.jsm.streams.purge(STREAMS.inbox, { filter: subjects.inbox.attempt(address) });
  }

  /**
   * Makes the consumer that the agent pulls from, if it is not there. One that died with its nats-server still has its
   * name in the cluster, where neither adding nor deleting it is answered; but the deletion is carried out.
   */
  async ensureConsumer(agent: string): Promise<void> {
    try {
      await this.#addConsumer(agent);
    } catch (error) {
      if (error instanceof ConnectionLostError) throw error; // that tells nothing of the consumer
      await this.#link.jsm.consumers.delete(STREAMS.inbox, agent).catch(() => undefined);
      await this.#addConsumer(agent);
    }
  }

  async #addConsumer(agent: string): Promise<void> {
    await this.#link.jsm.consumers.add(STREAMS.inbox, {
      durable_name: agent,
      filter_subject: subjects.inbox.of(agent),
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_NS,
      max_ack_pending: 1_000,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: HOUR_NS,
    });
  }
}

export interface InboxListener {
  onMessage(message: InboxMessage): void;
  /** Pulling works (true), or there is nothing to pull from (false): the next beat says so. */
  onReachable(isReachable: boolean): void;
  onInvalid(subject: string, error: unknown): void;
}

const HEARTBEAT_MS = 1_000;
const RETRY_MS = 250;
const BROKEN: ReadonlySet<string> = new Set([
  "heartbeats_missed",
  "consumer_not_found",
  "consumer_deleted",
  "stream_not_found",
  "no_responders",
]);

/**
 * The agent's side: pulls for ever, and says when there is nothing to pull from. Each message is acknowledged as it is
 * taken: the server sends again what is not answered.
 */
export class AgentInbox {
  readonly #link: NatsLink;
  readonly #agent: string;
  readonly #listener: InboxListener;
  #messages: ConsumerMessages | undefined;
  #isStopped = false;
  #finished: Promise<void> = Promise.resolve();

  constructor(link: NatsLink, agent: string, listener: InboxListener) {
    this.#link = link;
    this.#agent = agent;
    this.#listener = listener;
    watchReconnects(link, () => this.#messages?.stop());
  }

  start(): void {
    this.#finished = this.#loop();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#messages?.stop();
    await this.#finished;
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped && !this.#link.connection.isClosed()) {
      await this.#pull().catch(() => undefined); // not connected: it is tried again
      if (this.#isStopped) return;
      this.#listener.onReachable(false);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Pulls until there is nothing to pull from any more. */
  async #pull(): Promise<void> {
    const consumer = this.#link.js.consumers.getConsumerFromInfo(consumerInfoOf(this.#agent));
    const messages = await consumer.consume({
      max_messages: 100,
      expires: 30_000,
      idle_heartbeat: HEARTBEAT_MS,
      bind: true, // an agent may pull from its consumer, but not ask about it
      callback: (message) => this.#take(message),
    });
    this.#messages = messages;
    if (this.#isStopped) messages.stop();
    void (async () => {
      for await (const status of messages.status()) {
        if (status.type === "heartbeat") this.#listener.onReachable(true);
        if (BROKEN.has(status.type)) messages.stop();
      }
    })();
    await messages.closed();
  }

  #take(message: JsMsg): void {
    this.#listener.onReachable(true);
    message.ack();
    try {
      this.#listener.onMessage(InboxMessage.parse(message.json()));
    } catch (error) {
      this.#listener.onInvalid(message.subject, error);
    }
  }
}

/** What the client needs to pull from the consumer: an agent may not ask the server for it. */
function consumerInfoOf(agent: string): ConsumerInfo {
  return {
    stream_name: STREAMS.inbox,
    name: agent,
    config: {
      durable_name: agent,
      deliver_policy: DeliverPolicy.All,
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_NS,
      replay_policy: ReplayPolicy.Instant,
    },
  } as ConsumerInfo;
}
