export { AgentStore } from "./agent-store.ts";
export { AuditStore } from "./audit-store.ts";
export { AgentBeats, BeatStore } from "./beat-store.ts";
export { connectNats, watchContact, watchReconnects, type NatsLink, type NatsOptions } from "./connection.ts";
export { isUnanswered, requestCommand, serveCommands, unanswered } from "./commands.ts";
export { EvidenceStore } from "./evidence-store.ts";
export { HistoryStore, unreadableRun } from "./history-store.ts";
export { AgentInbox, InboxStore } from "./inbox-store.ts";
export {
  entryOf,
  JobStore,
  MARKER_TTL_SECONDS,
  subjectOfRun,
  type JobEntry,
  type JobRecord,
  type JobSnapshot,
} from "./job-store.ts";
export { CHUNK_MAX_BYTES, type LogChunk } from "./log-chunk.ts";
export { LogStore } from "./log-store.ts";
export type { LogTail } from "./log-tail.ts";
export { agentInboxPrefix, agentPermissions, type NatsPermissions } from "./permissions.ts";
export type { WriteOutcome } from "./publish.ts";
export { ensureTopology, isNotReady, type Topology } from "./topology.ts";
export type { AttemptAddress } from "../protocol/subjects.ts";
export type { StreamWatch } from "./watch.ts";
