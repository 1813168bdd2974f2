/** One job as the projection has it. */
import type { JobDefinition, Run } from "@jobs/core";
import { bySubmission } from "@jobs/core/decide";
import type { JobEntry } from "@jobs/core/jetstream";

/** What is known under one subject. `unreadable` is also a definition that is read, with a schedule that cannot be computed. */
export interface Entry {
  readonly kind: JobEntry["kind"];
  readonly sequence: number;
  readonly run: Run | undefined;
  readonly definition: JobDefinition | undefined;
  /** When it was seen, monotonic ms: after its TTL a marker is gone from the store without a word. */
  readonly seenAtMs: number;
}

/** One job as it was read, and the guard that a write made from this view must carry. */
export interface GuardedView {
  readonly job: string;
  readonly runs: readonly Run[];
  /** Undefined also while it is {@link uncomputable}. */
  readonly definition: JobDefinition | undefined;
  /** The definition, when nothing but that keeps the job from being read: this version cannot tell the slots of a schedule in it. */
  readonly uncomputable?: JobDefinition | undefined;
  readonly guard: number;
  /** True when there is a record that this version cannot read: nothing may be decided of the job. */
  readonly isUnreadable: boolean;
  /** How often everything was forgotten before it was read. */
  readonly generation: number;
}

/** What the entries of a job tell. */
export function viewOf(job: string, entries: ReadonlyMap<string, Entry>, generation: number): GuardedView {
  let guard = 0;
  const runs: Run[] = [];
  let definition: JobDefinition | undefined;
  const unreadable: Entry[] = [];
  for (const entry of entries.values()) {
    guard = Math.max(guard, entry.sequence);
    if (entry.run !== undefined) runs.push(entry.run);
    if (entry.kind === "unreadable") unreadable.push(entry);
    else definition ??= entry.definition;
  }
  const isUnreadable = unreadable.length > 0;
  const uncomputable = unreadable.length === 1 ? unreadable[0]?.definition : undefined;
  // A copy has the room that it needs; what was grown has room for sixteen more, for as long as the view is kept.
  return { job, runs: runs.toSorted(bySubmission), definition, uncomputable, guard, isUnreadable, generation };
}

/** With the definition, also while it cannot be computed: so that it can be said anew. */
export function asSaid(view: GuardedView): GuardedView {
  return { ...view, definition: view.definition ?? view.uncomputable };
}
