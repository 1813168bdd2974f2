/** Takes the place of `@nats-io/transport-node`: a connection to the simulated cluster. */
import { errors, headers, type MsgHdrs } from "@nats-io/transport-node";
import { startTimer } from "../kernel/globals.ts";
import { kernel, machine, self } from "../kernel/machine.ts";
import type { Connection, ContactChange } from "../nats/connection.ts";
import { Feed } from "./feed.ts";
import { guardOf, received, ttlOf } from "./nats-headers.ts";

export { errors, headers };

export const nuid = { next: (): string => kernel().random.hex(22) };

/** What the cluster does with a request; it answers with what is made, or thrown. */
type Serve<T> = (answer: (make: () => T) => void) => void;

interface RequestOptions {
  readonly timeout: number;
  readonly headers?: MsgHdrs;
  /** Of the calls of JetStream, which have no subject here. */
  readonly serve?: Serve<unknown>;
}

/** A call of JetStream: a request, as in nats.js. */
export function call<T>(connection: SimulatedConnection, timeout: number, serve: Serve<T>): Promise<T> {
  return connection.request("", "", { timeout, serve: serve as Serve<unknown> }) as Promise<T>;
}

/** A request to the simulated cluster: an answer, a refusal, or nothing in time. */
function exchange<T>(connection: Connection, timeoutMs: number, serve: Serve<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = startTimer(() => {
      kernel().count("nats: no answer in time");
      reject(new errors.TimeoutError());
    }, timeoutMs);
    connection.toServer("request", () =>
      serve((make) =>
        connection.toClient("answer", () => {
          clearTimeout(timer as NodeJS.Timeout);
          try {
            resolve(make());
          } catch (error) {
            reject(error as Error);
          }
        }),
      ),
    );
  });
}

interface Answer {
  json<T>(): T;
}

/** The part of nats.js's connection that the product uses. */
export class SimulatedConnection {
  readonly link: Connection;
  readonly info: { cluster?: string };
  /** Messages of atomic batches that came before the last one of their batch. */
  readonly #staged = new Map<string, { subject: string; bytes: Uint8Array; headers: MsgHdrs }[]>();

  constructor(link: Connection, isCluster: boolean) {
    this.link = link;
    this.info = isCluster ? { cluster: "simulated" } : {};
  }

  isClosed(): boolean {
    return this.link.isClosed;
  }

  close(): Promise<void> {
    this.link.close();
    return Promise.resolve();
  }

  status(): Feed<{ type: ContactChange }> {
    const feed = new Feed<{ type: ContactChange }>();
    feed.onStop(this.link.onChange((type) => feed.push({ type })));
    return feed;
  }

  subscribe(
    subject: string,
    {
      callback,
    }: { callback: (error: Error | null, message: { json(): unknown; respond(body: string): void }) => void },
  ): { unsubscribe(): void } {
    const { cluster } = machine();
    let isOver = false;
    const begin = (): void =>
      this.link.toServer("subscribe", () => {
        const end = cluster.subscribe(subject, (body, reply) =>
          this.link.toClient("command", () => {
            const respond = (answer: string): void => this.link.toServer("command answered", () => reply(answer));
            if (!isOver) callback(null, { json: () => JSON.parse(body) as unknown, respond });
          }),
        );
        this.link.onLost(end);
      });
    begin();
    this.link.onChange((change) => change === "reconnect" && !isOver && begin());
    return { unsubscribe: () => (isOver = true) };
  }

  /** A message of a batch that is not the last one. */
  publish(subject: string, bytes: Uint8Array, options: { headers: MsgHdrs }): void {
    const came = received(options.headers);
    const id = came.get("Nats-Batch-Id");
    this.link.toServer("batch", () => {
      this.#staged.set(id, [...(this.#staged.get(id) ?? []), { subject, bytes, headers: came }]);
    });
  }

  request(
    subject: string,
    body: string | Uint8Array,
    { timeout, headers: head, serve }: RequestOptions,
  ): Promise<unknown> {
    if (serve !== undefined) return exchange(this.link, timeout, serve);
    if (typeof body !== "string" && head !== undefined)
      return this.#commit({ subject, bytes: body, headers: received(head) }, timeout);
    const { cluster } = machine();
    return exchange(this.link, timeout, (answer) => {
      const isHeard = cluster.tell(subject, String(body), (text) =>
        answer(() => ({ json: <T>() => JSON.parse(text) as T })),
      );
      if (!isHeard)
        answer(() => {
          throw new Error("no responders");
        });
    });
  }

  #commit(last: { subject: string; bytes: Uint8Array; headers: MsgHdrs }, timeoutMs: number): Promise<Answer> {
    const { cluster } = machine();
    const id = last.headers.get("Nats-Batch-Id");
    kernel().count("nats: batches");
    return exchange(this.link, timeoutMs, (answer) => {
      const batch = [...(this.#staged.get(id) ?? []), last];
      this.#staged.delete(id);
      const isWhole = batch.length === Number(last.headers.get("Nats-Batch-Sequence"));
      const say = (value: unknown): void => answer(() => ({ json: <T>() => value as T }));
      if (!isWhole) return say({ error: { err_code: 10176 } });
      const writes = batch.map((one) => ({ ...one, guard: guardOf(one), ttlMs: ttlOf(one.headers) }));
      return cluster.publish(writes, ({ sequence, error }) =>
        say(error === undefined ? { seq: sequence, count: batch.length } : { error }),
      );
    });
  }
}

export type NatsConnection = SimulatedConnection;

export function connect(): Promise<SimulatedConnection> {
  const { cluster } = machine();
  const link = cluster.connectionFor(self());
  return new Promise((resolve) => link.connect(() => resolve(new SimulatedConnection(link, cluster.size === 3))));
}
