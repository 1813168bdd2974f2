import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { failRequestsWithConnection } from "./requests.ts";

export interface NatsOptions {
  /** One or more `nats://host:port`, comma-separated. */
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Shown by the nats-server's monitoring. */
  readonly name: string;
  /** An agent may subscribe to nothing but its own inbox prefix. */
  readonly inboxPrefix?: string | undefined;
}

/** A connection and the JetStream calls on it. */
export interface NatsLink {
  readonly connection: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
}

/**
 * Connects and stays connected: reconnects for ever, never gives up on authentication, pings every 10 s so that a dead
 * link is found. What is published, not requested, while disconnected is dropped by the client: who publishes must hold
 * its own copy. A request fails with its connection, and one made without a connection waits for it.
 */
export async function connectNats(options: NatsOptions): Promise<NatsLink> {
  const connection = await connect({
    servers: options.url.split(",").map((one) => one.trim()),
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.password === undefined ? {} : { pass: options.password }),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
    name: options.name,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
  });
  failRequestsWithConnection(connection);
  const js = jetstream(connection, { timeout: 5_000 });
  const jsm = await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 });
  return { connection, js, jsm };
}

/** Calls `onReconnect` after every reconnect until it is stopped or the connection is closed. */
export function watchReconnects(link: NatsLink, onReconnect: () => void): { stop(): void } {
  return watchContact(link, (isConnected) => isConnected && onReconnect());
}

/** Tells when the connection is lost and when it is back. */
export function watchContact(link: NatsLink, onChange: (isConnected: boolean) => void): { stop(): void } {
  const statuses = link.connection.status();
  void (async () => {
    for await (const { type } of statuses) {
      if (type === "disconnect" || type === "reconnect") onChange(type === "reconnect");
    }
  })();
  return { stop: () => (statuses as AsyncIterable<unknown> & { stop?(): void }).stop?.() };
}
