/**
 * A run: what users see, follow and cancel.
 *
 *   submitted ──due──► pending ──started──► running ──exited──► completed | failed | cancelled
 *       │                 │  ▲                 │
 *       ├──────cancel─────┤  └─ refused, never started, lost, or failed and to be tried again: another attempt
 *       └─ due, and its job busy ──► skipped
 *                         └──► cancelled | failed | skipped
 *
 * The server moves a run; what an agent says is evidence for it. State, reason and times are final at the finish;
 * log and artifacts settle after it, in `output`, which only the record in HISTORY has.
 */
import { z } from "zod";
import { Artifact } from "./artifact.ts";
import { Attempt, isGivenUp } from "./attempt.ts";
import { Dependencies } from "./dependencies.ts";
import { FanOut } from "./fan-out.ts";
import { AgentId, Instant, RunId } from "./ids.ts";
import { StoredLog } from "./log.ts";
import { OverlapPolicy } from "./overlap.ts";
import { ParameterValues } from "./parameters.ts";
import { Payload } from "./payload.ts";
import { OnLost, PRIORITY, WhenUnavailable } from "./policy.ts";
import { Reason } from "./reason.ts";
import { Retry } from "./retry.ts";
import { Slot } from "./slot.ts";
import { nameOfTarget, Target } from "./target.ts";

export const RunState = z.enum(["submitted", "pending", "running", "completed", "failed", "cancelled", "skipped"]);
export type RunState = z.infer<typeof RunState>;

/** What a pending run waits for. */
export const WaitingFor = z.enum([
  "previous-run",
  "dependency",
  "agent",
  /** Its agent takes on nothing more. */
  "draining",
  "slot",
  /** It failed, and its next try has its time. */
  "retry",
  /** Processes that no record accounts for run on a host. */
  "left-over",
  /** The store was restored: not every host has said yet what it runs. */
  "restored-store",
  "held",
  "job-paused",
  "all-paused",
]);
export type WaitingFor = z.infer<typeof WaitingFor>;

/** What one attempt left behind. */
export const AttemptOutput = z.looseObject({
  /** The attempt's number. */
  attempt: z.int().positive(),
  log: StoredLog,
  artifacts: z.array(Artifact),
  /** Files that were there but were not kept: too many, too large, or not readable. */
  artifactsLeftOut: z.int().nonnegative().optional(),
});
export type AttemptOutput = z.infer<typeof AttemptOutput>;

/** What a run left behind: where it is kept, and what each attempt that started left. */
export const RunOutput = z.looseObject({
  /** Prefix in the artifact store under which log and artifacts are kept. */
  location: z.string(),
  attempts: z.array(AttemptOutput),
});
export type RunOutput = z.infer<typeof RunOutput>;

/** The record of a run, in `jobs` while it lives and in HISTORY afterwards. Under 32 kB; unknown fields are kept. */
export const Run = z.looseObject({
  v: z.literal(1),
  job: z.string(),
  run: RunId,
  /** Names the write that made this version: how an unknown outcome is recognised. */
  writeId: z.string(),
  state: RunState,
  reason: Reason.optional(),
  waitingFor: WaitingFor.optional(),
  overlap: OverlapPolicy,
  target: Target,
  /** Of a run on all hosts that match, from when it began. */
  fanOut: FanOut.optional(),
  /** The run on several hosts of which this is the part on one. */
  partOf: RunId.optional(),
  /** Agents that match its target, and have refused it for good. */
  excluded: z.array(AgentId).optional(),
  payload: Payload,
  /** What it was given, for people: long values are cut. All of them are in the payload. */
  parameters: ParameterValues.optional(),
  /** SHA-256 of all that was asked for: the same idempotency key with another digest is a conflict. */
  requestDigest: z.string(),
  /** Of a run of its job's task, under a key: SHA-256 of the words in which it was asked for. The task may be another one once they come again. */
  askedDigest: z.string().optional(),
  submittedBy: z.string(),
  times: z.looseObject({
    submittedAt: Instant,
    /** Its time, when that is not the submission's; a slot's jitter is in it. */
    dueAt: Instant.optional(),
    /** Since when its place in its host's line counts, as it took that of a run that waited. */
    inLineSince: Instant.optional(),
    pendingAt: Instant.optional(),
    runningAt: Instant.optional(),
    endedAt: Instant.optional(),
    settledAt: Instant.optional(),
  }),
  /** The last one is the current one. Refused ones before it may have been dropped; numbers go on. */
  attempts: z.array(Attempt),
  /** `replacedBy`: the run that is to take its place. */
  cancel: z.looseObject({ requestedAt: Instant, by: z.string(), replacedBy: RunId.optional() }).optional(),
  /** How many runs of the job that still live were submitted in the same millisecond before it; left out: none. */
  nth: z.int().optional(),
  /** It does not start before it is released. */
  hold: z.looseObject({ at: Instant, by: z.string() }).optional(),
  /** When it was last released, and by whom. */
  released: z.looseObject({ at: Instant, by: z.string() }).optional(),
  /** The instant or instants of a schedule that it stands for. */
  slot: Slot.optional(),
  /** What must have ended before it starts. */
  after: Dependencies.optional(),
  /** Of `after`, the run for whose end it was skipped; without a state: nobody knows any more how that ended. */
  unmet: z.looseObject({ job: z.string(), run: RunId, state: RunState.optional() }).optional(),
  /** Frozen at the submission; see `policy.ts`. Records of older servers lack them; of the next two what is usual is left out. */
  priority: z.int().optional(),
  whenUnavailable: WhenUnavailable.optional(),
  queueLimit: z.int().optional(),
  waitAtMostMs: z.int().optional(),
  lostAfterMs: z.int().nullable().optional(),
  graceMs: z.int().optional(),
  onLost: OnLost.optional(),
  retry: Retry.optional(),
  timeoutMs: z.int().nullable().optional(),
  silenceMs: z.int().nullable().optional(),
  /** Of one that waited for too long: what it waited for last. */
  waitedFor: WaitingFor.optional(),
  /** The run that kept its job busy when this one's time came. */
  skippedFor: RunId.optional(),
  /** The run that this one repeats. */
  rerunOf: RunId.optional(),
  /** An operator has said that nothing of it runs any more. */
  resolved: z
    .looseObject({
      at: Instant,
      by: z.string(),
      note: z.string().optional(),
      /** Its host said nothing then: what that has not handed over is waited for no longer. */
      gone: z.boolean().optional(),
    })
    .optional(),
  output: RunOutput.optional(),
});
export type Run = z.infer<typeof Run>;

/** True when the state is final. */
export function hasEnded(run: Run): boolean {
  return run.times.endedAt !== undefined;
}

/** The attempt that counts now: assigned and neither refused nor given up; undefined when the run waits for one. */
export function currentAttempt(run: Run): Attempt | undefined {
  const attempt = run.attempts.at(-1);
  return attempt === undefined || attempt.refusal !== undefined || isGivenUp(attempt) ? undefined : attempt;
}

/** True while its time has not come: it is in nobody's way. */
export function isAhead(run: Run): boolean {
  return run.state === "submitted";
}

/** True while hosts have it: it has an attempt, or parts on several hosts. */
export function isUnderWay(run: Run): boolean {
  return currentAttempt(run) !== undefined || (run.fanOut !== undefined && !hasEnded(run));
}

/** True while it is due, no host has it and it has not ended. */
export function isWaiting(run: Run): boolean {
  return !hasEnded(run) && !isAhead(run) && !isUnderWay(run);
}

/** True until it has begun, of a run that starts after others: one that had an attempt has waited for them. */
export function awaitsOthers(run: Run): boolean {
  return run.after !== undefined && !hasEnded(run) && !isUnderWay(run) && run.attempts.length === 0;
}

/** True while the run keeps its job busy: from its time until its end, and after it while processes of it are left over. */
export function isBusy(run: Run): boolean {
  return (!hasEnded(run) && !isAhead(run)) || findLeftOver(run) !== undefined;
}

/** The attempt of which processes are left over, if there is one. */
export function findLeftOver({ attempts }: Run): Attempt | undefined {
  return attempts.find(({ exit }) => (exit?.leftOverPids?.length ?? 0) > 0);
}

/** For people: the host of its attempt, else where it may go. */
export function hostOf(run: Run, attempt: Attempt | undefined = run.attempts.at(-1)): string {
  if (attempt === undefined) return nameOfTarget(run.target);
  const { target } = run;
  if (target.kind === "agent" && target.agent === attempt.agent) return target.name;
  return attempt.name ?? attempt.agent;
}

/** From 0 to 9; 9 goes first. */
export function priorityOf({ priority }: Run): number {
  return priority ?? PRIORITY;
}
