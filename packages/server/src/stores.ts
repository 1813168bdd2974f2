import {
  AgentStore,
  AuditStore,
  BeatStore,
  ensureTopology,
  EvidenceStore,
  HistoryStore,
  InboxStore,
  JobStore,
  LogStore,
  watchReconnects,
  type NatsLink,
} from "@jobs/core/jetstream";

const AGAIN_MS = 250;

/** The stores, and the streams below them: made at start, and again after a reconnect, for what is in memory goes with its nats-server. */
export async function openStores(link: NatsLink, { signal, nowMs }: { signal: AbortSignal; nowMs: () => number }) {
  let { epoch } = await ensureTopology(link, nowMs);
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
