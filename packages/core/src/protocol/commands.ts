/** What one server asks of the deciding one, and what that answers. Each may be sent again. */
import { z } from "zod";
import { AgentRecord } from "../domain/agent.ts";
import { AgentId, Instant } from "../domain/ids.ts";
import { JobDefinition, Settings, StoredPolicy, Task } from "../domain/job.ts";
import { StoredPolicySettings } from "../domain/policy.ts";
import { Run } from "../domain/run.ts";
import { StoredSchedule } from "../domain/schedule.ts";

/** `id`: the same of one that is sent again. */
const Base = z.looseObject({ v: z.literal(1), by: z.string(), id: z.string().optional() });
const OfJob = Base.extend({ job: z.string() });
const OfRun = OfJob.extend({ run: z.string() });
const Note = z.string().max(1_000).optional();

export const Command = z.discriminatedUnion("kind", [
  OfJob.extend({
    kind: z.literal("submit"),
    submission: Run.pick({
      job: true,
      run: true,
      target: true,
      payload: true,
      requestDigest: true,
      askedDigest: true,
      submittedBy: true,
      rerunOf: true,
      after: true,
      parameters: true,
    }).extend({ dueAt: Instant.optional(), policy: StoredPolicySettings, isHeld: z.boolean().optional() }),
  }),
  OfRun.extend({ kind: z.literal("cancel") }),
  OfRun.extend({ kind: z.literal("hold") }),
  OfRun.extend({ kind: z.literal("release") }),
  OfRun.extend({ kind: z.literal("resolve"), note: Note }),
  OfJob.extend({
    kind: z.literal("define"),
    policy: StoredPolicy.optional(),
    task: Task.nullable().optional(),
    schedules: z.array(StoredSchedule).optional(),
    appliedFrom: z.string().nullable().optional(),
    pause: z.object({ note: Note }).optional(),
    resume: z.boolean().optional(),
    ifUpdatedAt: Instant.nullable().optional(),
  }),
  /** `lastChange`: of what the server that asks knows to be said of the job. */
  OfJob.extend({ kind: z.literal("delete"), lastChange: z.string().optional() }),
  OfJob.extend({ kind: z.literal("delete-history") }),
  Base.extend({ kind: z.literal("pause-all"), note: Note }),
  Base.extend({ kind: z.literal("resume-all") }),
  Base.extend({ kind: z.literal("drain"), agent: AgentId, note: Note }),
  Base.extend({ kind: z.literal("undrain"), agent: AgentId }),
]);
export type Command = z.infer<typeof Command>;

/** A job's history was deleted: all of it before this sequence of HISTORY. */
export const HistoryDeletion = z.looseObject({ sequence: z.int(), at: Instant, by: z.string() });
export type HistoryDeletion = z.infer<typeof HistoryDeletion>;

/** What is stored now. `isNew`: false when it already was so. */
export const CommandAnswer = z.looseObject({
  isNew: z.boolean(),
  /** Sequence of the record of the run or the definition. */
  sequence: z.int(),
  run: Run.optional(),
  definition: JobDefinition.optional(),
  settings: Settings.optional(),
  agent: AgentRecord.optional(),
  /** Names the last change of what was said of a job and is deleted. */
  deleted: z.string().optional(),
  /** The last deletion of the job's history. */
  deletion: HistoryDeletion.optional(),
});
export type CommandAnswer = z.infer<typeof CommandAnswer>;

/** Who did what, when: kept in AUDIT. */
export const AuditEntry = z.looseObject({
  v: z.literal(1),
  at: z.string(),
  by: z.string(),
  /** A newer server may write others. */
  action: z
    .enum([
      "cancel",
      "hold",
      "release",
      "resolve",
      "define",
      "delete",
      "delete-history",
      "pause",
      "resume",
      "pause-all",
      "resume-all",
      "drain",
      "undrain",
    ])
    .or(z.string()),
  /** The agent's id. */
  agent: z.string().optional(),
  job: z.string().optional(),
  run: z.string().optional(),
  note: z.string().optional(),
  /** What of the policy was set. */
  policy: StoredPolicy.optional(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;
