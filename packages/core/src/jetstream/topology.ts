/** The streams and buckets; the only file that creates one. `ARCHITECTURE.md` says what each is for. */
import {
  DiscardPolicy,
  JetStreamApiError,
  PersistMode,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";
import { subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { ConnectionLostError } from "./requests.ts";

export const STREAMS = {
  jobs: "KV_jobs",
  agents: "KV_agents",
  inbox: "INBOX",
  events: "EVENTS",
  beats: "BEATS",
  logs: "LOGS",
  history: "HISTORY",
  audit: "AUDIT",
} as const;

const DAY_NS = 24 * 60 * 60 * 1e9;
/** Consumers that a stream allows: one an agent, or one a log that is followed. */
const MANY_CONSUMERS = 20_000;
const EPOCH_KEY = "jobs.epoch";

export interface Topology {
  /** Names this store: milliseconds since 1970 at which it was created, decimal. A restored store gets a newer one. */
  readonly epoch: string;
}

/** Creates what is missing, leaves alone what is there. Called at start and after each reconnect: what is in memory went with its server. */
export async function ensureTopology(link: NatsLink, now: () => number): Promise<Topology> {
  const replicas = link.connection.info?.cluster === undefined ? 1 : 3;
  const streams = streamConfigs(replicas, String(now()));
  await Promise.all(streams.map((config) => ensureStream(link, config)));
  const { config } = await link.jsm.streams.info(STREAMS.jobs);
  const epoch = config.metadata?.[EPOCH_KEY];
  if (epoch === undefined) throw new Error(`The stream ${STREAMS.jobs} was not made by Jobs: it has no ${EPOCH_KEY}.`);
  return { epoch };
}

/**
 * "temporarily unavailable" and "no suitable peers": nodes are missing, or have no leader yet. "stream not found": another
 * server is making it in this very moment, so it cannot be made, but is not there yet either.
 */
const NOT_READY_CODES: ReadonlySet<number> = new Set([10_008, 10_005, 10_059]);

/** True of an error that {@link ensureTopology} meets while JetStream is not ready; it may be tried again. */
export function isNotReady(error: unknown): boolean {
  if (error instanceof errors.TimeoutError || error instanceof ConnectionLostError) return true;
  return error instanceof JetStreamApiError && NOT_READY_CODES.has(error.code);
}

type Config = Partial<StreamConfig> & { readonly name: string };

function streamConfigs(replicas: number, epoch: string): readonly Config[] {
  const base = {
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    duplicate_window: 100_000_000, // the smallest: what is sent again is known by its content, never by a message id
    allow_rollup_hdrs: false,
    allow_direct: false,
  };
  const lastValue = { ...base, max_msgs_per_subject: 1 };
  const inMemory = { ...lastValue, storage: StorageType.Memory };
  const onDisk = { ...lastValue, storage: StorageType.File };
  const { agent, server } = subjects;
  return [
    {
      ...onDisk,
      name: STREAMS.jobs,
      subjects: [subjects.jobs.all],
      allow_atomic: true,
      allow_msg_ttl: true,
      metadata: { [EPOCH_KEY]: epoch },
    },
    { ...onDisk, name: STREAMS.agents, subjects: [subjects.agents.all], allow_msg_ttl: true },
    { ...onDisk, name: STREAMS.history, subjects: [subjects.history.all], allow_msg_ttl: true },
    { ...base, name: STREAMS.audit, subjects: [subjects.audit.all], storage: StorageType.File },
    { ...inMemory, name: STREAMS.inbox, subjects: [subjects.inbox.all], max_consumers: MANY_CONSUMERS },
    { ...inMemory, name: STREAMS.events, subjects: [agent.evidences] },
    // An agent reads its own last beat, by its subject, to tell its own lost acknowledgement from a second agent's beat.
    { ...inMemory, name: STREAMS.beats, subjects: [agent.beats, agent.hosts, server.all], allow_direct: true },
    {
      ...base,
      name: STREAMS.logs,
      subjects: [agent.logs],
      storage: StorageType.File,
      max_age: 7 * DAY_NS, // the spool on the host is the durable copy until the log is kept
      max_consumers: MANY_CONSUMERS,
      ...(replicas === 1 ? { persist_mode: PersistMode.Async } : {}),
    },
  ];
}

const STREAM_NAME_IN_USE = 10058;

async function ensureStream({ jsm }: NatsLink, config: Config): Promise<void> {
  try {
    await jsm.streams.add(config);
  } catch (error) {
    // With other settings: an operator may have set limits of his own.
    if (!(error instanceof JetStreamApiError && error.code === STREAM_NAME_IN_USE)) throw error;
    if (config.allow_msg_ttl === true) await allowTtl(jsm, config.name);
  }
}

/** A stream that was made by an older version may not take messages that go by themselves. */
async function allowTtl(jsm: JetStreamManager, name: string): Promise<void> {
  const { config } = await jsm.streams.info(name);
  if (config.allow_msg_ttl !== true) await jsm.streams.update(name, { allow_msg_ttl: true });
}
