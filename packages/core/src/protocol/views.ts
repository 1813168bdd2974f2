/** What the API shows of a run, an agent, an artifact: the records without their inner parts. */
import { z } from "zod";
import { Artifact } from "../domain/artifact.ts";
import { describeRun } from "../domain/ending.ts";
import { StoredLog } from "../domain/log.ts";
import { OverlapPolicy } from "../domain/overlap.ts";
import { Reason } from "../domain/reason.ts";
import { currentAttempt, RunState, WaitingFor, type Run } from "../domain/run.ts";

/** A run as the API shows it. Times are RFC 3339, UTC. */
export const RunView = z.object({
  run: z.string(),
  job: z.string(),
  state: RunState,
  reason: Reason.optional(),
  waitingFor: WaitingFor.optional(),
  /** One honest sentence on where it stands or how it ended. */
  sentence: z.string(),
  /** The agent's name. */
  on: z.string(),
  overlap: OverlapPolicy,
  submittedBy: z.string(),
  times: z.object({
    submittedAt: z.string(),
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
  output: z.object({ location: z.string(), log: StoredLog.optional(), artifacts: z.array(Artifact) }).optional(),
});
export type RunView = z.infer<typeof RunView>;

/** The public view of a record. */
export function viewOfRun(run: Run): RunView {
  const attempt = currentAttempt(run) ?? run.attempts.at(-1);
  const { submittedAt, pendingAt, runningAt, endedAt, settledAt } = run.times;
  return withoutUndefined({
    run: run.run,
    job: run.job,
    state: run.state,
    reason: run.reason,
    waitingFor: run.waitingFor,
    sentence: describeRun(run),
    on: run.target.name,
    overlap: run.overlap,
    submittedBy: run.submittedBy,
    times: withoutUndefined({ submittedAt, pendingAt, runningAt, endedAt, settledAt }),
    attempt: attempt?.number,
    exitCode: attempt?.exit?.exitCode,
    signal: attempt?.exit?.signal,
    cancelRequestedBy: run.cancel?.by,
    output:
      run.output === undefined
        ? undefined
        : withoutUndefined({
            location: run.output.location,
            log: run.output.attempts.at(-1)?.log,
            artifacts: run.output.attempts.at(-1)?.artifacts ?? [],
          }),
  });
}

/** An agent as the API shows it. */
export const AgentSummary = z.object({
  id: z.string(),
  name: z.string(),
  /** True while its beats come; false once it was silent for 15 s. */
  inContact: z.boolean(),
  lastBeatAt: z.string().optional(),
  slots: z.number(),
  /** Attempts assigned to it. */
  assigned: z.number(),
  labels: z.record(z.string(), z.string()),
  version: z.string().optional(),
});
export type AgentSummary = z.infer<typeof AgentSummary>;

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Defined<T>;
}
