/** Takes the place of `@nats-io/jetstream`: its calls, answered by the simulated cluster. */
import { DeliverPolicy, JetStreamApiError } from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";
import { machine } from "../kernel/machine.ts";
import type { Message, Stream, StreamConfig } from "../nats/stream.ts";
import { ttlOf } from "./nats-headers.ts";
import { call, type SimulatedConnection } from "./nats-transport.ts";
import { PulledMessages, type PulledConsumer, type ConsumeOptions } from "./pulled-messages.ts";

export * from "@nats-io/jetstream";

const UTF8 = new TextEncoder();
const DEFAULT_TIMEOUT_MS = 5_000;
const STREAM_NOT_FOUND = { code: 404, err_code: 10059, description: "stream not found" };

interface PublishOptions {
  readonly headers?: MsgHdrs;
  readonly expect?: { readonly lastSubjectSequence?: number; readonly lastSubjectSequenceSubject?: string };
  readonly timeout?: number;
  readonly ttl?: string;
}

export interface ConsumerInfo extends PulledConsumer {
  readonly num_pending: number;
}

export type JetStreamClient = ReturnType<typeof jetstream>;

export function jetstream(connection: SimulatedConnection) {
  const { cluster } = machine();
  return {
    connection,
    publish(subject: string, body: string | Uint8Array, options: PublishOptions = {}): Promise<{ seq: number }> {
      const { headers, expect, timeout = DEFAULT_TIMEOUT_MS, ttl } = options;
      const bytes = typeof body === "string" ? UTF8.encode(body) : body;
      const sequence = expect?.lastSubjectSequence;
      const guard =
        sequence === undefined ? undefined : { sequence, filter: expect?.lastSubjectSequenceSubject ?? subject };
      const write = { subject, bytes, headers, guard, ttlMs: ttlOf(headers, ttl) };
      return call(connection, timeout, (answer) =>
        cluster.publish([write], ({ sequence: seq, error }) =>
          answer(() => {
            if (error?.code === 503) throw new Error("no responders");
            if (error !== undefined)
              throw new JetStreamApiError({ code: 400, err_code: error.code, description: error.description });
            return { seq: seq ?? 0 };
          }),
        ),
      );
    },
    consumers: {
      getConsumerFromInfo: (info: PulledConsumer) => ({
        consume: (options: ConsumeOptions) => Promise.resolve(new PulledMessages(connection.link, info, options)),
      }),
    },
  };
}

interface Query {
  readonly seq?: number;
  readonly next_by_subj?: string;
  readonly last_by_subj?: string;
}

interface ConsumerConfig {
  readonly durable_name?: string;
  readonly filter_subject?: string;
  readonly filter_subjects?: readonly string[];
  readonly deliver_policy?: string;
  readonly opt_start_seq?: number;
  readonly ack_policy: string;
}

export function jetstreamManager(
  connection: SimulatedConnection,
  { timeout = DEFAULT_TIMEOUT_MS }: { readonly timeout?: number } = {},
) {
  const { cluster, kernel } = machine();
  const ask = <T>(name: string, answer: (stream: Stream) => T): Promise<T> =>
    call<T>(connection, timeout, (say) =>
      cluster.ask(name, (stream) => {
        if (stream !== undefined) {
          const answered = answer(stream);
          return say(() => answered);
        }
        return say(() => {
          throw new JetStreamApiError(STREAM_NOT_FOUND);
        });
      }),
    );
  return Promise.resolve({
    streams: {
      info: (name: string) =>
        ask(name, ({ created, config, lastSequence }) => ({
          created,
          config,
          state: { first_seq: 1, last_seq: lastSequence },
        })),
      add: (config: StreamConfig) =>
        call<void>(connection, timeout, (say) => {
          cluster.addStream(config);
          say(() => undefined);
        }),
      getMessage: (name: string, query: Query) => ask(name, (stream) => toStored(find(stream, query))),
      purge: (name: string, { filter }: { filter: string }) => ask(name, (stream) => stream.purge(filter)),
    },
    direct: {
      /** Any replica answers, also one that lags. */
      getMessage: (name: string, { last_by_subj = "" }: Query) =>
        ask(name, (stream) => {
          const last = stream.lastOn(last_by_subj);
          const lags = cluster.size === 3 && last !== undefined && kernel.nowMs - last.storedAtMs < 2_000;
          return toStored(lags && kernel.random.chance(0.3) ? stream.beforeOn(last_by_subj) : last);
        }),
    },
    consumers: {
      add: (name: string, config: ConsumerConfig) =>
        ask(name, (stream): ConsumerInfo => {
          const filters = [
            ...(config.filter_subjects ?? []),
            ...(config.filter_subject ? [config.filter_subject] : []),
          ];
          const from = config.deliver_policy === DeliverPolicy.StartSequence ? (config.opt_start_seq ?? 1) : 1;
          const isAcknowledged = config.ack_policy !== "none";
          const named = config.durable_name === undefined ? {} : { name: config.durable_name };
          const consumer = cluster.addConsumer(stream, { ...named, filters, from, isAcknowledged });
          const created = new Date(kernel.nowMs).toISOString();
          return { name: consumer.name, stream_name: name, created, num_pending: stream.count(filters, from) };
        }),
      delete: (name: string, consumer: string) => ask(name, () => cluster.removeConsumer(name, consumer)),
    },
  });
}

export type JetStreamManager = Awaited<ReturnType<typeof jetstreamManager>>;

function find(stream: Stream, { seq, next_by_subj, last_by_subj }: Query): Message | undefined {
  if (last_by_subj !== undefined) return stream.lastOn(last_by_subj);
  return stream.from(seq ?? 1, [next_by_subj ?? ">"]);
}

function toStored(message: Message | undefined) {
  if (message === undefined) return null;
  const { subject, sequence: seq, headers: header, bytes: data } = message;
  return { subject, seq, header, data, json: (): unknown => JSON.parse(new TextDecoder().decode(data)) };
}
