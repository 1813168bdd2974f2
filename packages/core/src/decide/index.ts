export { DEFAULT_GRACE_MS } from "./assign.ts";
export { decideCancel, type Cancellation } from "./cancel.ts";
export { decideEvidence } from "./evidence.ts";
export { reconcile } from "./reconcile.ts";
export { decideSubmit, type Submission } from "./submit.ts";
export type { AgentView, Decision, DecisionContext, JobView } from "./view.ts";
export { wantedFor, type Wanted } from "./wanted.ts";
