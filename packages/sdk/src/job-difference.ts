/** What is different between a job as it is and as it is to be. */
import type { JobsError, JobView } from "@jobs/core";

/** A field of a job with another value than before, e.g. `policy.overlap` or `schedules.night.cron`. */
export interface FieldDifference {
  readonly field: string;
  /** Undefined: it was not said. */
  readonly before?: unknown;
  /** Undefined: it is not said any more. */
  readonly after?: unknown;
}

/** What becomes of a job when a set of jobs is applied. */
export interface JobDifference {
  readonly job: string;
  /** `pruned`: it is deleted; `kept`: it was applied from the set once, is not in it any more, and stays. */
  readonly kind: "added" | "changed" | "unchanged" | "pruned" | "kept";
  readonly fields: readonly FieldDifference[];
  /** Why that could not be done. */
  readonly error?: JobsError;
}

/** `before`: undefined when nothing is said of the job. A job that was made by hand and is as it is to be stays so. */
export function differenceOf(before: JobView | undefined, after: JobView): JobDifference {
  const old = before === undefined ? new Map<string, unknown>() : fieldsOf(before);
  const now = fieldsOf(after);
  const names = [...now.keys(), ...[...old.keys()].filter((name) => !now.has(name))];
  const differs = (field: string): boolean => !isSame(old.get(field), now.get(field));
  const fields = names
    .filter((field) => differs(field) && (field !== AGENT || isOtherOfSameName(old, now)))
    .map((field): FieldDifference => ({ field, before: old.get(field), after: now.get(field) }));
  if (before === undefined) return { job: after.job, kind: "added", fields };
  const isByHand = before.appliedFrom === undefined;
  if (fields.every(({ field }) => isByHand && field === "set"))
    return { job: after.job, kind: "unchanged", fields: [] };
  return { job: after.job, kind: "changed", fields };
}

const AGENT = "task.agent";

/** Another agent has the name by now; where the names differ, they say all that there is to say. */
function isOtherOfSameName(old: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): boolean {
  return old.has(AGENT) && now.has(AGENT) && isSame(old.get("task.on"), now.get("task.on"));
}

/** All that is said of a job, each by a path of names. */
function fieldsOf({ task, schedules = [], policy, appliedFrom }: JobView): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  if (appliedFrom !== undefined) fields.set("set", appliedFrom);
  const add = (path: string, value: unknown): void => {
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    if (!isMap) return void (value === undefined || fields.set(path, value));
    for (const [name, one] of Object.entries(value)) add(`${path}.${name}`, one);
  };
  if (task !== undefined) {
    const { parameters = [], parametersSchema: _, ...said } = task;
    add("task", said);
    for (const { name, ...said } of parameters) add(`task.parameters.${name}`, said);
  }
  for (const { schedule } of schedules) {
    const { id, ...said } = schedule;
    add(`schedules.${id}`, said);
  }
  add("policy", policy);
  return fields;
}

/** Of plain values and lists; the order of a map's names says nothing. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one, inOrder) === JSON.stringify(other, inOrder);
}

function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
