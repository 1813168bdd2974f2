import { setTimeout as delay } from "node:timers/promises";
import {
  AgentStore,
  AuditStore,
  BeatStore,
  ensureTopology,
  EvidenceStore,
  HistoryStore,
  InboxStore,
  isNotReady,
  JobStore,
  LogStore,
  watchReconnects,
  type NatsLink,
  type Topology,
} from "@jobs/core/jetstream";
import type { Logger } from "pino";

const AGAIN_MS = 250;

interface StoresOptions {
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  readonly log: Logger;
}

/**
 * The stores, and the streams below them: made at start, and again after a reconnect, for what is in memory goes with its
 * nats-server. Waits while JetStream is not ready, as for NATS itself.
 */
export async function openStores(link: NatsLink, { signal, nowMs, log }: StoresOptions) {
  let { epoch } = await firstTopology(link, { signal, nowMs, log });
  watchReconnects(link, () => void again());
  const again = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        ({ epoch } = await ensureTopology(link, nowMs));
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // JetStream is not ready yet
      }
    }
  };
  return {
    epoch: () => epoch,
    jobs: new JobStore(link),
    history: new HistoryStore(link),
    inbox: new InboxStore(link),
    evidence: new EvidenceStore(link),
    logs: new LogStore(link),
    beats: new BeatStore(link),
    agents: new AgentStore(link),
    audit: new AuditStore(link),
  };
}

async function firstTopology(link: NatsLink, { signal, nowMs, log }: StoresOptions): Promise<Topology> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await ensureTopology(link, nowMs);
    } catch (error) {
      if (!isNotReady(error)) throw error;
      if (isFirst) log.warn({ err: error }, "JetStream is not ready; the server begins when it is");
      await delay(AGAIN_MS, undefined, { signal });
    }
  }
}
