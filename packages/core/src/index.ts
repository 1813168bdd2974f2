export { Artifact, ARTIFACT_MAX_BYTES, ARTIFACT_NAMES_MAX_BYTES, ARTIFACTS_MAX } from "./domain/artifact.ts";
export { Dependencies, DependsOn, Otherwise } from "./domain/dependencies.ts";
export { AgentRecord } from "./domain/agent.ts";
export {
  Attempt,
  AttemptExit,
  Fence,
  isGivenUp,
  isNewerLicence,
  isOverOnHost,
  Licence,
  Refusal,
} from "./domain/attempt.ts";
export { describeRun } from "./domain/ending.ts";
export { checkEnvironment } from "./domain/environment.ts";
export { Evidence } from "./domain/evidence.ts";
export { fitsRecord, HostCounts } from "./domain/fan-out.ts";
export { AgentId, RunId } from "./domain/ids.ts";
export { instantOf } from "./domain/instant.ts";
export { JOB_NAME_MAX_LENGTH, JobName, normaliseJobName } from "./domain/job-name.ts";
export { ByteRange, LogEnd, StoredLog } from "./domain/log.ts";
export { JobDefinition, JobPolicy, Pause, Settings, Task } from "./domain/job.ts";
export { mayOverlap, OverlapPolicy } from "./domain/overlap.ts";
export {
  checkParameters,
  Parameter,
  parametersFault,
  parametersJsonSchema,
  ParameterValues,
  shownParameters,
  variablesOf,
  type ParameterValue,
} from "./domain/parameters.ts";
export { LOST_AFTER_MIN_MS, OnLost, policyOf, PolicySettings, type Policy } from "./domain/policy.ts";
export { wordsOf } from "./domain/words.ts";
export { Payload, PAYLOAD_INLINE_MAX_BYTES, PayloadContent, SCRIPT_MAX_BYTES } from "./domain/payload.ts";
export { Forgotten, KEPT_FOR, Retention, type KeptFor } from "./domain/retention.ts";
export { Reason } from "./domain/reason.ts";
export {
  awaitsOthers,
  currentAttempt,
  findLeftOver,
  hasEnded,
  hostOf,
  isAhead,
  isBusy,
  isUnderWay,
  isWaiting,
  priorityOf,
  Run,
  RunOutput,
  RunState,
  WaitingFor,
} from "./domain/run.ts";
export { Blackout, CatchUp, catchUpOf, FoldRule, GapRule, Schedule, StoredSchedule } from "./domain/schedule.ts";
export { checkScript, interpreterOf, programOf } from "./domain/script.ts";
export { matches, Selector } from "./domain/selector.ts";
export { labelTarget, nameOfTarget, Target, TargetInput, targetInputOf, targetKey } from "./domain/target.ts";
export {
  ERROR_CODES,
  exitCodeOf,
  httpStatusOf,
  JobsError,
  toJobsError,
  type ErrorBody,
  type ErrorCode,
} from "./errors.ts";
export { parseEnvironment } from "./environment.ts";
export { startAll, stopAll, type Service } from "./lifecycle.ts";
export {
  CloseCode,
  decodeLogFrame,
  encodeLogFrame,
  encodeLogFrameHeader,
  FOLLOW_PROTOCOL,
  isLogFrame,
  ServerFrame,
  TOKEN_PROTOCOL_PREFIX,
  type LogFrame,
} from "./protocol/frames.ts";
export { BULK_MAX_RUNS, REQUEST_MAX_BYTES, SubmitResult } from "./protocol/bulk.ts";
export { AuditEntry, Command, CommandAnswer, HistoryDeletion } from "./protocol/commands.ts";
export * from "./protocol/messages.ts";
export {
  operations,
  streams,
  type OperationInput,
  type OperationName,
  type OperationOutput,
} from "./protocol/operations.ts";
export { AttemptOutcome, AttemptView } from "./protocol/attempt-view.ts";
export { RunCounts, RunFilter } from "./protocol/run-filter.ts";
export { parseJobsFile, pathText, type FiledJob, type FilePath, type JobsFile } from "./protocol/jobs-file.ts";
export { SubmitInput, TaskInput } from "./protocol/submit-input.ts";
export { JobSummary, JobView, SlotView } from "./protocol/job-views.ts";
export { AgentSummary, HostView, PendingView, RunView, viewOfRun, type LiveFacts } from "./protocol/views.ts";
