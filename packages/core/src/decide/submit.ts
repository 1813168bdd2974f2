import { describeRun } from "../domain/ending.ts";
import { mayOverlap } from "../domain/overlap.ts";
import { policyFault, policyOf, QUEUE_LIMIT, type Policy, type PolicySettings } from "../domain/policy.ts";
import { isAhead, isBusy, type Run } from "../domain/run.ts";
import type { Target } from "../domain/target.ts";
import { JobsError } from "../errors.ts";
import { assign } from "./assign.ts";
import { unaccounted } from "./line.ts";
import { waitsInLine } from "./members.ts";
import { isAnyAvailable } from "./place.ts";
import { write, type Decision, type DecisionContext, type JobView, type LiveOnHost } from "./view.ts";

/** A submission that passed every check that needs no view: what the record will say of it, and what was asked for of its policy. */
export type Submission = Pick<
  Run,
  | "job"
  | "run"
  | "target"
  | "payload"
  | "requestDigest"
  | "askedDigest"
  | "submittedBy"
  | "rerunOf"
  | "after"
  | "slot"
  | "parameters"
> & {
  /** Its time; left out: now. */
  readonly dueAt?: string | undefined;
  readonly policy: PolicySettings;
  /** It is accepted, and does not start before it is released. */
  readonly isHeld?: boolean | undefined;
};

/** Runs of a job whose time has not come. Each is a key under the job's guard, which gets slower with them. */
const AHEAD_LIMIT = 1_000;

/**
 * Accepts a submission, or rejects it as its overlap policy says; `finished` is the run of the same id in HISTORY, if any.
 * When the job is idle and the agent can take it, the one write that accepts the run already assigns its attempt.
 */
export function decideSubmit(
  view: JobView,
  submission: Submission,
  context: DecisionContext & { finished?: Run | undefined },
): Decision {
  const same = view.runs.find((run) => run.run === submission.run) ?? context.finished;
  if (same !== undefined) return decideAgain(same, submission);
  const { policy: asked, isHeld, dueAt } = submission;
  const policy = policyOf(asked, view.definition?.policy);
  const fault = policyFault(policy);
  if (fault !== undefined)
    return { kind: "reject", error: new JobsError("invalid-request", fault.message, { field: fault.field }) };
  const aheadMs = dueAt === undefined ? 0 : Date.parse(dueAt) - Date.parse(context.now);
  const isLater = aheadMs > 0;
  if (-aheadMs > policy.waitAtMostMs) return { kind: "reject", error: passed(dueAt ?? "") };
  const isDependent = submission.after !== undefined;
  const { target } = submission;
  const error = isLater
    ? findRejectionOfLater(view)
    : findRejection(view, { policy, target, isHeld: isHeld === true, isDependent }, context)?.error();
  if (error !== undefined) return { kind: "reject", error };
  return write(acceptedRun({ view, context }, submission, policy), context);
}

/** The run that a submission makes; assigned at once where it can be. */
export function acceptedRun(
  { view, context }: { readonly view: JobView; readonly context: DecisionContext },
  submission: Submission,
  policy: Policy,
): Run {
  const { now, writeId } = context;
  const { job, run, target, payload, requestDigest, submittedBy, isHeld, dueAt } = submission;
  const { overlap, priority, whenUnavailable, queueLimit, waitAtMostMs } = policy;
  const { lostAfterMs, graceMs, onLost, retry, timeoutMs, silenceMs } = policy;
  const isLater = dueAt !== undefined && Date.parse(dueAt) > Date.parse(now);
  const times: Run["times"] = isLater
    ? { submittedAt: now, dueAt }
    : dueAt === undefined
      ? { submittedAt: now, pendingAt: now }
      : { submittedAt: now, dueAt, pendingAt: now };
  // Field by field: under load, most of what it takes to accept a run went into spreading objects.
  const accepted: Run = {
    v: 1,
    job,
    run,
    writeId,
    state: isLater ? "submitted" : "pending",
    // What it is to be in most cases: V8 makes a hidden class for each copy that a spread adds a field to.
    waitingFor: undefined,
    target,
    payload,
    requestDigest,
    submittedBy,
    overlap,
    priority,
    waitAtMostMs,
    lostAfterMs,
    graceMs,
    onLost,
    retry,
    timeoutMs,
    silenceMs,
    times,
    attempts: [],
  };
  addOthers(accepted, submission, NOT_RECORDED);
  addOthers(accepted, policy, NOT_USUAL);
  if (whenUnavailable !== "wait") accepted.whenUnavailable = whenUnavailable;
  if (queueLimit !== QUEUE_LIMIT) accepted.queueLimit = queueLimit;
  if (isHeld === true) accepted.hold = { at: now, by: submittedBy };
  const nth = nthOf(view, now);
  if (nth > 0) accepted.nth = nth;
  return isLater ? accepted : assign(view, accepted, context);
}

/** What stands elsewhere in a record, or only where it is not the usual. */
const NOT_RECORDED: ReadonlySet<string> = new Set<keyof Submission>(["policy", "isHeld", "dueAt"]);
const NOT_USUAL: ReadonlySet<string> = new Set<keyof Policy>(["whenUnavailable", "queueLimit"]);

/** The fields that are not there yet, those that only a newer server knows included. */
function addOthers(run: Run, from: Readonly<Record<string, unknown>>, except: ReadonlySet<string>): void {
  for (const key in from) if (from[key] !== undefined && !(key in run) && !except.has(key)) run[key] = from[key];
}

/** Its place among those of the same millisecond: it comes after all of them. */
function nthOf({ runs }: JobView, now: string): number {
  let next = 0;
  for (const { times, nth = 0 } of runs) if (times.submittedAt === now) next = Math.max(next, nth + 1);
  return next;
}

/** What keeps a run from getting in line. */
interface Rejection {
  readonly reason: "overlap" | "no-agent";
  /** The run that is in its way, if it is one. */
  readonly run?: string;
  /** What a submission is told. */
  readonly error: () => JobsError;
}

/** A run that is to get in line. */
interface Candidate {
  readonly policy: Policy;
  readonly target: Target;
  readonly isHeld: boolean;
  /** It waits for other runs first: that the job is busy now says nothing. */
  readonly isDependent: boolean;
}

/** Whether a run may get in line now, as its policy says. */
export function findRejection(
  view: JobView,
  { policy: { overlap, queueLimit, whenUnavailable }, target, isHeld, isDependent }: Candidate,
  context: DecisionContext,
): Rejection | undefined {
  if (whenUnavailable === "reject" && !isHeld && !isDependent && !isAnyAvailable({ target }, context))
    return { reason: "no-agent", error: () => unavailable(target) };
  const waits = isDependent || (overlap !== "reject" && overlap !== "allow");
  const inTheWay = view.runs.filter((run) => isBusy(run) && !mayOverlap(run.overlap, overlap));
  const live = inTheWay.find(({ partOf }) => partOf === undefined) ?? inTheWay[0];
  if (live !== undefined && !waits) return { reason: "overlap", run: live.run, error: () => busy(live) };
  const [leftOver] = unaccounted(view, context);
  if (leftOver !== undefined && !waits)
    return { reason: "overlap", run: leftOver.run, error: () => occupied(view.job, leftOver, context) };
  const waiting = view.runs.filter(waitsInLine);
  const fits = waiting.length < queueLimit || (!isDependent && makesRoom({ overlap, isHeld }, waiting));
  return fits ? undefined : { reason: "overlap", error: () => queueFull(view.job, waiting) };
}

function passed(dueAt: string): JobsError {
  return new JobsError("invalid-request", `${dueAt} has passed, longer ago than a run may wait.`, { field: "at" });
}

function findRejectionOfLater({ job, runs }: JobView): JobsError | undefined {
  const ahead = runs.filter(isAhead).length;
  if (ahead < AHEAD_LIMIT) return undefined;
  const message = `${ahead} runs of “${job}” have their time still to come: no more may.`;
  return new JobsError("queue-full", message, { field: "name", details: { ahead } });
}

/** True for a run that takes the place of one that waits, so that the line becomes no longer. */
function makesRoom(next: { overlap: Run["overlap"]; isHeld: boolean }, waiting: readonly Run[]): boolean {
  const inLine = waiting.filter(({ hold }) => hold === undefined);
  if (next.isHeld) return false;
  if (next.overlap === "replace") return inLine.length > 0;
  return next.overlap === "queue-latest" && inLine.some(({ overlap }) => overlap === "queue-latest");
}

/** The same idempotency key came again: the same run, unless something else was asked for under it. */
function decideAgain(same: Run, submission: Submission): Decision {
  if (same.requestDigest === submission.requestDigest) return { kind: "known", run: same };
  const message = `Run ${same.run} of “${same.job}” was submitted with the same key but another content: use a new key.`;
  return {
    kind: "reject",
    error: new JobsError("key-conflict", message, { field: "key", details: { run: same.run } }),
  };
}

function busy(live: Run): JobsError {
  const since = live.times.runningAt ?? live.times.pendingAt ?? live.times.submittedAt;
  const message = `“${live.job}” is busy: run ${live.run} of ${live.submittedBy} is ${live.state} since ${since}. ${describeRun(live)}`;
  const details = {
    run: live.run,
    state: live.state,
    since,
    submittedBy: live.submittedBy,
    link: `/v1/runs/${live.run}`,
  };
  return new JobsError("job-busy", message, { field: "name", details });
}

function occupied(job: string, { agent, run, attempt }: LiveOnHost, { agents }: DecisionContext): JobsError {
  const host = agents.get(agent)?.name ?? agent;
  const message = `“${job}” is busy: ${host} says that attempt ${attempt} of run ${run} still runs there, though no record accounts for it.`;
  return new JobsError("job-busy", message, {
    field: "name",
    details: { run, state: "running", agent, attempt, link: `/v1/runs/${run}` },
  });
}

function unavailable(target: Target): JobsError {
  const who =
    target.kind === "agent"
      ? `${target.name} is not in contact, or drains`
      : `No agent of ${target.labels} is in contact and takes on runs`;
  return new JobsError("agent-unavailable", `${who}, and the run is not to wait for it.`, { field: "on" });
}

function queueFull(job: string, waiting: readonly Run[]): JobsError {
  const [first] = waiting;
  const runs = waiting.length === 1 ? `1 run of “${job}” waits` : `${waiting.length} runs of “${job}” wait`;
  const message = `${runs} already: no more may. The first in line is ${first?.run}.`;
  return new JobsError("queue-full", message, { field: "name", details: { waiting: waiting.length, run: first?.run } });
}
