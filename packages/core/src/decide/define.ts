import { instantOf } from "../domain/instant.ts";
import type { JobDefinition, JobPolicy, Pause, Task } from "../domain/job.ts";
import { findNeeded } from "../domain/parameters.ts";
import { policyFault, policyOf } from "../domain/policy.ts";
import type { StoredSchedule } from "../domain/schedule.ts";
import { JobsError } from "../errors.ts";
import { CLOCKS_DIFFER_MS } from "./clocks.ts";
import { reconcile } from "./reconcile.ts";
import { lastSlotMs, slotsPutOff } from "./slots.ts";
import { NOTHING, type Decision, type DecisionContext, type JobView } from "./view.ts";

/** A change of what is said of a job: its policy as a whole, or whether it is paused. */
export interface DefinitionChange {
  readonly by: string;
  readonly policy?: JobPolicy | undefined;
  /** What is left out stays; null: none any more. */
  readonly task?: Task | null | undefined;
  readonly schedules?: readonly StoredSchedule[] | undefined;
  readonly appliedFrom?: string | null | undefined;
  readonly pause?: { readonly note?: string | undefined } | undefined;
  readonly resume?: boolean | undefined;
  /** Refused when it was changed since this instant, at which it was last changed; null: when anything is said of it. */
  readonly ifUpdatedAt?: string | null | undefined;
}

/** The job's definition with the change, under the same guard as its runs; nothing when it is so already. */
export function decideDefine(
  view: JobView,
  change: DefinitionChange,
  context: Pick<DecisionContext, "now" | "writeId">,
): Decision {
  const before = view.definition;
  const paused = pauseOf(before?.paused, change, context.now);
  const policy = change.policy ?? before?.policy ?? {};
  const fault = policyFault(policyOf(policy));
  if (fault !== undefined)
    return {
      kind: "reject",
      error: new JobsError("invalid-request", fault.message, { field: `policy.${fault.field}` }),
    };
  const task = change.task === undefined ? before?.task : (change.task ?? undefined);
  const schedules = change.schedules ?? before?.schedules ?? [];
  if (schedules.length > 0 && task === undefined) return { kind: "reject", error: taskMissing(change) };
  const needed = findNeeded(task?.parameters);
  if (schedules.length > 0 && needed !== undefined) return { kind: "reject", error: valueMissing(needed.name, change) };
  const appliedFrom = change.appliedFrom === undefined ? before?.appliedFrom : (change.appliedFrom ?? undefined);
  const said = [
    before?.policy ?? {},
    before?.paused,
    before?.task?.digest,
    before?.schedules ?? [],
    before?.appliedFrom,
  ];
  const isSame = JSON.stringify(said) === JSON.stringify([policy, paused, task?.digest, schedules, appliedFrom]);
  if (isSame && (before !== undefined || change.policy === undefined)) return NOTHING;
  // Only now: a change that is made already may be asked for again.
  if (change.ifUpdatedAt !== undefined && msOf(change.ifUpdatedAt) !== msOf(before?.updatedAt))
    return { kind: "reject", error: changed(view.job, before) };
  const {
    paused: _,
    task: _task,
    schedules: _schedules,
    cursors: _cursors,
    appliedFrom: _appliedFrom,
    ...kept
  } = before ?? {};
  const definition: JobDefinition = {
    ...kept,
    v: 1,
    job: view.job,
    writeId: context.writeId,
    policy,
    ...(paused === undefined ? {} : { paused }),
    ...(task === undefined ? {} : { task }),
    ...(appliedFrom === undefined ? {} : { appliedFrom }),
    ...(schedules.length === 0 ? {} : { schedules: [...schedules], cursors: cursorsOf(schedules, view, context.now) }),
    updatedAt: context.now,
    updatedBy: change.by,
    lastChange: { id: context.writeId, action: actionOf(change) },
  };
  return { kind: "define", definition };
}

/**
 * What has its turn before the change: what is due by what was said before, and the slots of a changed schedule whose
 * instants have come, but not the time that its jitter puts them off to. Undefined once there is none of it left, and when
 * nothing will be changed.
 */
export function beforeChange(view: JobView, change: DefinitionChange, context: DecisionContext): Decision | undefined {
  if (decideDefine(view, change, context).kind !== "define") return undefined;
  const due = reconcile(view, context);
  if (due.kind !== "nothing") return due;
  const { schedules = [] } = change;
  const isChanged = (before: StoredSchedule): boolean =>
    schedules.some((one) => one.id === before.id && startsOf(one) !== startsOf(before));
  const putOff = slotsPutOff(view, (view.definition?.schedules ?? []).filter(isChanged), context);
  return putOff.kind === "nothing" ? undefined : putOff;
}

/** What a change is called. */
export function actionOf({ pause, resume }: DefinitionChange): "define" | "pause" | "resume" {
  if (pause !== undefined) return "pause";
  return resume === true ? "resume" : "define";
}

/** Of an instant, however it is written. */
function msOf(instant: string | null | undefined): number | undefined {
  return typeof instant === "string" ? Date.parse(instant) : undefined;
}

function changed(job: string, before: JobDefinition | undefined): JobsError {
  const what =
    before === undefined
      ? `Nothing is said of “${job}” any more`
      : `“${job}” was changed by ${before.updatedBy} at ${before.updatedAt}`;
  const details = { updatedAt: before?.updatedAt ?? null };
  return new JobsError("job-changed", `${what}: read it again.`, { field: "ifUpdatedAt", details });
}

function taskMissing({ task }: DefinitionChange): JobsError {
  const message = "A schedule needs a task: say what its runs are to do.";
  return new JobsError("invalid-request", message, { field: task === null ? "task" : "schedules" });
}

function valueMissing(name: string, { task }: DefinitionChange): JobsError {
  const message = `A schedule gives its runs no parameters: ${name} needs a default, or must not be required.`;
  return new JobsError("invalid-request", message, { field: task === undefined ? "schedules" : "task.parameters" });
}

/**
 * A schedule that is new, or names other instants than before, begins now; any other one goes on where it was. A slot whose
 * instant is still to come may have had its run all the same, a moment early or by another server's clock: it begins after it.
 */
function cursorsOf(schedules: readonly StoredSchedule[], view: JobView, now: string): Record<string, string> {
  const before = view.definition;
  const cursorOf = (schedule: StoredSchedule): string => {
    const reached = before?.cursors?.[schedule.id];
    const same = before?.schedules?.find((one) => one.id === schedule.id && instantsOf(one) === instantsOf(schedule));
    const aheadMs = reached === undefined ? 0 : Date.parse(reached) - Date.parse(now);
    const isPassed = aheadMs > 0 && aheadMs <= CLOCKS_DIFFER_MS;
    if (reached !== undefined && (same !== undefined || isPassed)) return reached;
    return instantOf(Math.max(Date.parse(now), lastSlotMs(view, schedule.id)));
  };
  return Object.fromEntries(schedules.map((schedule) => [schedule.id, cursorOf(schedule)]));
}

/** What decides which instants a schedule names. */
function instantsOf({ every, cron, at, zone, gap, fold, start, end }: StoredSchedule): string {
  return JSON.stringify([every?.ms, cron, at, zone, gap, fold, start, end]);
}

/** What decides when its runs are due. */
function startsOf(schedule: StoredSchedule): string {
  return JSON.stringify([instantsOf(schedule), schedule.jitterMs]);
}

/** As it is when it is so already, and no other note is given. */
function pauseOf(before: Pause | undefined, { pause, resume, by }: DefinitionChange, now: string): Pause | undefined {
  if (resume === true) return undefined;
  if (pause === undefined) return before;
  if (before !== undefined && (pause.note === undefined || pause.note === before.note)) return before;
  return { at: now, by, ...(pause.note === undefined ? {} : { note: pause.note }) };
}
