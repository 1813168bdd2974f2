/** What both doors of the package have, on every platform. */
export {
  JobsError,
  type AgentSummary,
  type AttemptView,
  type AuditEntry,
  type ErrorCode,
  type HostView,
  type JobSummary,
  type JobView,
  type Pause,
  type PendingView,
  type PolicySettings,
  type RunCounts,
  type RunView,
  type Schedule,
  type SlotView,
  type StoredLog,
  type SubmitInput,
} from "@jobs/core";
export type { ApplyOptions, JobInput } from "./apply-jobs.ts";
export type { CallOptions } from "./call.ts";
export { JobsClient, type JobChanges, type RerunChanges, type RunFilter, type RunJobOptions } from "./client.ts";
export type { ConnectOptions } from "./connection.ts";
export type { ExportedJobs, ExportOptions } from "./export-jobs.ts";
export type { FieldDifference, JobDifference } from "./job-difference.ts";
export type { Retry } from "./follow.ts";
export type { LogChunk } from "./log-chunk.ts";
export type { LogOptions } from "./log-options.ts";
export { RunArtifact, type DownloadOptions } from "./run-artifact.ts";
export type { RunEvents } from "./run-events.ts";
export { RunHandle, type RunPart, type RunResult, type WaitOptions } from "./run-handle.ts";
export type { SubmitOptions } from "./submission.ts";
export type { Fetch } from "./transport.ts";
export type { WebSocketConstructor, WebSocketLike } from "./web-socket.ts";
