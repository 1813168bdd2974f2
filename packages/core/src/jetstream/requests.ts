/**
 * Requests on a connection that is lost and comes back.
 *
 *   connected ──lost──► each that is under way fails, its outcome unknown
 *   not connected ────► each waits for the connection, within its time, and is sent then
 *
 * nats.js by itself drops what is sent without a connection, and waits for answers that went with the one before: a write,
 * a renewal of the lease, and all that waits behind it, would stand still until the time-out though NATS is long back.
 */
import { errors, type Msg, type NatsConnection } from "@nats-io/transport-node";

/** The connection was lost before the answer came: what was asked for may have been done or not. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";

  constructor() {
    super("The connection to NATS was lost before the answer came.");
  }
}

/** What nats.js takes when it is not told, milliseconds. */
const TIMEOUT_MS = 1_000;

type Request = NatsConnection["request"];

const withoutConnection = new WeakSet<NatsConnection>();

/** False from the loss of the connection until it is back. */
export function isConnected(connection: NatsConnection): boolean {
  return !withoutConnection.has(connection);
}

/** Has every request on `connection` keep to the above, also those of the JetStream client on it. */
export function failRequestsWithConnection(connection: NatsConnection): void {
  const request: Request = connection.request.bind(connection);
  const underWay = new Set<(error: Error) => void>();
  let outage: Outage | undefined;

  const send: Request = (...asked) =>
    new Promise<Msg>((resolve, reject) => {
      underWay.add(reject);
      const over = (): boolean => underWay.delete(reject);
      request(...asked)
        .finally(over)
        .then(resolve, reject);
    });

  const sendLater: Request = async (subject, payload, options) => {
    const untilMs = performance.now() + (options?.timeout ?? TIMEOUT_MS);
    const leftMs = (): number => Math.max(1, untilMs - performance.now());
    while (outage !== undefined) await outage.over(leftMs());
    return send(subject, payload, { ...options, timeout: leftMs() });
  };

  connection.request = (...asked) => (outage === undefined ? send : sendLater)(...asked);

  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === "disconnect") {
        outage ??= new Outage();
        withoutConnection.add(connection);
        for (const fail of underWay) fail(new ConnectionLostError());
      }
      if (type === "reconnect") {
        outage?.end();
        outage = undefined;
        withoutConnection.delete(connection);
      }
    }
    outage?.end(new errors.ClosedConnectionError());
    outage = undefined; // nats.js itself refuses what comes from now on
  })();
}

/** From the loss of the connection until it is back, or closed. */
class Outage {
  readonly #waiting = new Set<(error?: Error) => void>();

  /** Resolves when the connection is back; rejects when it does not come back in time, or never. */
  over(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error?: Error): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        if (error === undefined) resolve();
        else reject(error);
      };
      const timer = setTimeout(() => done(new errors.TimeoutError()), timeoutMs);
      this.#waiting.add(done);
    });
  }

  end(error?: Error): void {
    for (const done of this.#waiting) done(error);
  }
}
