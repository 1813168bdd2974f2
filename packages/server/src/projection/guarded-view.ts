/** One job as the projection has it. */
import type { JobDefinition, Run } from "@jobs/core";
import { bySubmission } from "@jobs/core/decide";
import type { JobEntry } from "@jobs/core/jetstream";

/** What is known under one subject. */
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
  readonly definition: JobDefinition | undefined;
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
  let isUnreadable = false;
  for (const entry of entries.values()) {
    guard = Math.max(guard, entry.sequence);
    if (entry.run !== undefined) runs.push(entry.run);
    definition ??= entry.definition;
    isUnreadable ||= entry.kind === "unreadable";
  }
  // A copy has the room that it needs; what was grown has room for sixteen more, for as long as the view is kept.
  return { job, runs: runs.toSorted(bySubmission), definition, guard, isUnreadable, generation };
}
