/** What the API shows of a run, an agent, an artifact: the records without their inner parts. */
import { z } from "zod";
import { failedTry, ownerOf, waitEndsAt, type RunFacts } from "../decide/index.ts";
import { Artifact } from "../domain/artifact.ts";
import { DependsOn, Otherwise, type Dependencies } from "../domain/dependencies.ts";
import { describeRun } from "../domain/ending.ts";
import { HostCounts, type FanOut } from "../domain/fan-out.ts";
import { Pause } from "../domain/job.ts";
import { StoredLog } from "../domain/log.ts";
import { OverlapPolicy } from "../domain/overlap.ts";
import { ParameterValues } from "../domain/parameters.ts";
import { OnLost } from "../domain/policy.ts";
import { Reason } from "../domain/reason.ts";
import { Retry } from "../domain/retry.ts";
import { currentAttempt, hasEnded, hostOf, priorityOf, RunState, WaitingFor, type Run } from "../domain/run.ts";
import type { Slot } from "../domain/slot.ts";
import { TargetInput, targetInputOf } from "../domain/target.ts";
import { attemptsOf, AttemptView } from "./attempt-view.ts";

/** A run as the API shows it. Times are RFC 3339, UTC. */
export const RunView = z.object({
  run: z.string(),
  job: z.string(),
  state: RunState,
  reason: Reason.optional(),
  waitingFor: WaitingFor.optional(),
  /** One honest sentence on where it stands or how it ended. */
  sentence: z.string(),
  /** The name of the agent that has or had it, else of where it may go. */
  on: z.string(),
  /** Where it may go, when that is not one agent by name. */
  target: TargetInput.optional(),
  /** How many of its hosts stand where, when it is for all that match. */
  hosts: HostCounts.extend({ total: z.number() }).optional(),
  /** The run on several hosts of which this is the part on one. */
  partOf: z.string().optional(),
  overlap: OverlapPolicy,
  /** From 0 to 9; 9 goes first. */
  priority: z.number(),
  submittedBy: z.string(),
  /** What it was given; long values are cut. */
  parameters: ParameterValues.optional(),
  times: z.object({
    submittedAt: z.string(),
    /** Its time, when that is not the submission's. */
    dueAt: z.string().optional(),
    inLineSince: z.string().optional(),
    pendingAt: z.string().optional(),
    runningAt: z.string().optional(),
    endedAt: z.string().optional(),
    /** When log and artifacts were complete, or known to be not. */
    settledAt: z.string().optional(),
  }),
  /** Number of the current or last attempt, from 1; absent before there is one. */
  attempt: z.number().optional(),
  exitCode: z.number().optional(),
  signal: z.string().optional(),
  cancelRequestedBy: z.string().optional(),
  /** The run that takes its place. */
  replacedBy: z.string().optional(),
  /** What must have ended before it starts; the states while it waits. */
  after: z
    .object({
      runs: z.array(z.object({ job: z.string(), run: z.string(), state: RunState.optional() })),
      on: DependsOn,
      otherwise: Otherwise,
    })
    .optional(),
  /** Of `after`, the run for whose end it was skipped; without a state: nobody knows any more how that ended. */
  unmet: z.object({ job: z.string(), run: z.string(), state: RunState.optional() }).optional(),
  /** Live runs that wait for it. */
  dependents: z.array(z.object({ job: z.string(), run: z.string() })).optional(),
  /** The slot of a schedule that it stands for; of skipped ones `count`, from `at` to `until`. */
  slot: z
    .object({ schedule: z.string(), at: z.string(), until: z.string().optional(), count: z.number().optional() })
    .optional(),
  /** The run that kept its job busy when this one's time came. */
  skippedFor: z.string().optional(),
  /** The run that this one repeats. */
  rerunOf: z.string().optional(),
  /** Who keeps it from starting. */
  heldBy: z.string().optional(),
  /** Its place among the runs of the job that wait, from 1. */
  place: z.number().optional(),
  /** The run that it waits for. */
  blockedBy: z.string().optional(),
  /** When it is skipped if it still waits. */
  waitEndsAt: z.string().optional(),
  /** Since when its host says nothing of it: nobody knows how it stands. Shown within 15 s. */
  silentSince: z.string().optional(),
  /** Its host was silent for too long. */
  lostAt: z.string().optional(),
  /** Silence after which it is called lost, milliseconds; null: never. */
  lostAfterMs: z.number().nullable().optional(),
  onLost: OnLost.optional(),
  /** Whether and when it is tried again when it has failed. */
  retry: Retry.optional(),
  /** When its next try is due, while it waits for that. */
  retryAt: z.string().optional(),
  /** How long an attempt may run, and may print nothing, milliseconds; null: for ever. */
  timeoutMs: z.number().nullable().optional(),
  silenceMs: z.number().nullable().optional(),
  /** When there was more than one: all of them, but the oldest of very many. */
  attempts: z.array(AttemptView).optional(),
  /** Who said that nothing of it runs any more. */
  resolvedBy: z.string().optional(),
  /** Who has to do the next step, and by when; absent once it is settled. */
  next: z
    .object({
      owner: z.enum(["server", "agent", "operator", "run"]),
      who: z.string().optional(),
      /** None while a host in contact runs it. */
      deadlineAt: z.string().optional(),
      advice: z.string(),
    })
    .optional(),
  output: z.object({ location: z.string(), log: StoredLog.optional(), artifacts: z.array(Artifact) }).optional(),
});
export type RunView = z.infer<typeof RunView>;

/** A host of a run on several. */
export const HostView = z.object({
  /** The agent's id. */
  agent: z.string(),
  /** The agent's name. */
  name: z.string(),
  /** The part of the run on it; left out: nothing was asked of it. */
  run: RunView.optional(),
});
export type HostView = z.infer<typeof HostView>;

/** A run that waits, or whose time is still to come. */
export const PendingView = z.object({
  run: RunView,
  /** When it was wanted. */
  wantedAt: z.string(),
  /** When it is likely to start, as long as runs of the jobs before it took; absent when nobody can tell. */
  estimatedStartAt: z.string().optional(),
});
export type PendingView = z.infer<typeof PendingView>;

/** What is known of a live run beside its record. */
export interface LiveFacts extends RunFacts {
  readonly hosts?: HostCounts | undefined;
  readonly paused?: "job" | "all" | undefined;
  readonly place?: number | undefined;
  /** The states of the runs that it depends on, in their order. */
  readonly dependencies?: readonly (RunState | undefined)[] | undefined;
  readonly dependents?: NonNullable<RunView["dependents"]> | undefined;
}

/** The public view of a record; of a live run with what is known beside it. */
export function viewOfRun(run: Run, live?: LiveFacts): RunView {
  const attempt = currentAttempt(run) ?? run.attempts.at(-1);
  // What its host refused left nothing: how the script ended, an earlier one tells.
  const exit = run.attempts.findLast(({ refusal }) => refusal === undefined)?.exit;
  const { submittedAt, dueAt, inLineSince, pendingAt, runningAt, endedAt, settledAt } = run.times;
  return {
    run: run.run,
    job: run.job,
    state: run.state,
    reason: run.reason,
    waitingFor: run.waitingFor,
    sentence: describeRun(run, live),
    on: hostOf(run),
    target: run.target.kind === "agent" ? undefined : targetInputOf(run.target),
    hosts: run.fanOut === undefined ? undefined : hostsOf(run.fanOut, live?.hosts),
    partOf: run.partOf,
    overlap: run.overlap,
    priority: priorityOf(run),
    submittedBy: run.submittedBy,
    parameters: run.parameters,
    times: { submittedAt, dueAt, inLineSince, pendingAt, runningAt, endedAt, settledAt },
    attempt: attempt?.number,
    exitCode: exit?.exitCode,
    signal: exit?.signal,
    cancelRequestedBy: run.cancel?.by,
    replacedBy: run.cancel?.replacedBy,
    after: run.after === undefined ? undefined : afterOf(run.after, live?.dependencies),
    unmet: run.unmet,
    dependents: live?.dependents,
    slot: run.slot === undefined ? undefined : slotOf(run.slot),
    skippedFor: run.skippedFor,
    rerunOf: run.rerunOf,
    heldBy: run.hold?.by,
    place: live?.place,
    blockedBy: live?.blockedBy,
    waitEndsAt: waitEndsAt(run),
    silentSince: live?.silentSince,
    lostAt: attempt?.lost?.at,
    lostAfterMs: attempt?.lostAfterMs,
    onLost: run.onLost,
    retry: run.retry,
    retryAt: hasEnded(run) ? undefined : failedTry(run)?.retryAt,
    timeoutMs: run.timeoutMs,
    silenceMs: run.silenceMs,
    attempts: attemptsOf(run),
    resolvedBy: run.resolved?.by,
    next: live === undefined ? undefined : nextOf(run, live),
    output:
      run.output === undefined
        ? undefined
        : {
            location: run.output.location,
            log: run.output.attempts.at(-1)?.log,
            artifacts: run.output.attempts.at(-1)?.artifacts ?? [],
          },
  };
}

function afterOf({ runs, on, otherwise }: Dependencies, states: LiveFacts["dependencies"] = []): RunView["after"] {
  return {
    runs: runs.map(({ job, run }, index) => ({ job, run, state: states[index] })),
    on,
    otherwise,
  };
}

function hostsOf({ agents, counts }: FanOut, live: HostCounts | undefined): RunView["hosts"] {
  const known = counts ?? live;
  return known === undefined ? undefined : { ...known, total: agents.length };
}

function slotOf({ schedule, at, until, count }: Slot): RunView["slot"] {
  return { schedule, at, until, count };
}

function nextOf(run: Run, facts: RunFacts): RunView["next"] {
  return ownerOf(run, facts);
}

/** An agent as the API shows it. */
export const AgentSummary = z.object({
  id: z.string(),
  name: z.string(),
  /** True while its beats come; false within 15 s of its silence. */
  inContact: z.boolean(),
  lastBeatAt: z.string().optional(),
  /** How far its clock is ahead of the server's, milliseconds; below 0: behind. Left out while that is less than 10 s. */
  clockAheadMs: z.number().optional(),
  slots: z.number(),
  /** Attempts assigned to it. */
  assigned: z.number(),
  labels: z.record(z.string(), z.string()),
  /** It takes on nothing more: since when, who said so, and why. */
  drain: Pause.optional(),
  version: z.string().optional(),
});
export type AgentSummary = z.infer<typeof AgentSummary>;
