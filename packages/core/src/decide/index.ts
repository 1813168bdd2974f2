export { decideCancel, type Cancellation } from "./cancel.ts";
export { actionOf, beforeChange, decideDefine, type DefinitionChange } from "./define.ts";
export { decideDelete, findHistoryObstacle, type Awaited } from "./delete.ts";
export { inOrder, nextDueMs } from "./due.ts";
export { dueMs } from "./early.ts";
export { decideEvidence } from "./evidence.ts";
export { decideHold, decideRelease, type HoldRequest } from "./hold.ts";
export { byLine, bySubmission, isPassed, lastBlocker, placeInLine, unaccounted } from "./line.ts";
export { hostCountsOf, isMemberKept, membersOf } from "./members.ts";
export { ownerOf, type Ownership, type RunFacts } from "./owner.ts";
export { reconcile, waitEndsAt } from "./reconcile.ts";
export { isPastRetention, isPromised, keptFor, type FinishedFacts } from "./retention.ts";
export { failedTry } from "./retry.ts";
export { failure } from "./verdict.ts";
export { decideResolve, type Resolution } from "./resolve.ts";
export { isSlotOpen } from "./slots.ts";
export { decideSubmit, type Submission } from "./submit.ts";
export {
  type AgentView,
  type Decision,
  type DecisionContext,
  type HeldEntry,
  type JobView,
  type LiveOnHost,
} from "./view.ts";
export { wantedFor, type Wanted } from "./wanted.ts";
