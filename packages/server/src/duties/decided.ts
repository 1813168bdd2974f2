/** What a decision came to: the record that is stored now. */
import { currentAttempt, hasEnded, JobsError, type Run } from "@jobs/core";
import type { Decision } from "@jobs/core/decide";
import type { JobRecord } from "@jobs/core/jetstream";
import type { GuardedView } from "../projection/guarded-view.ts";
import { whyUncomputable } from "../projection/uncomputable.ts";

/** A run's record as it is stored now. No interface: so it can be answered to a command as it is. */
export type Decided = {
  readonly run: Run;
  readonly sequence: number;
  /** False when what was asked for already was so. */
  readonly isNew: boolean;
};

export interface Settled {
  readonly record: JobRecord;
  readonly sequence: number;
  readonly isNew: boolean;
}

/** The record that a decision asks for. */
export function recordOf(decision: Extract<Decision, { kind: "write" | "define" | "delete" }>): JobRecord {
  switch (decision.kind) {
    case "write":
      return { kind: "run", run: decision.run };
    case "define":
      return { kind: "definition", definition: decision.definition };
    case "delete":
      return { kind: "definition-marker", job: decision.job };
  }
}

/** Names the write; undefined of a marker, which names none. */
export function writeIdOf(record: JobRecord): string | undefined {
  if (record.kind === "definition") return record.definition.writeId;
  return record.kind === "run" ? record.run.writeId : undefined;
}

/** For what somebody asked of a run: that is always answered. */
export function answered(settled: Settled | undefined): Decided {
  if (settled?.record.kind !== "run") throw new Error("what is asked is always answered");
  const { record, sequence, isNew } = settled;
  return { run: record.run, sequence, isNew };
}

/** The agent of which a run takes a place that it had not; undefined when it takes none. */
export function newlyAssigned(run: Run, before: Run | undefined): string | undefined {
  const isAssigned = before !== undefined && currentAttempt(before) !== undefined;
  return isAssigned || hasEnded(run) ? undefined : currentAttempt(run)?.agent;
}

/** There is a record of the job that this version cannot read. */
export function unreadable({ job, uncomputable }: GuardedView): JobsError {
  const why = uncomputable === undefined ? undefined : whyUncomputable(uncomputable);
  const message = why ?? `A record of “${job}” is of a newer version: upgrade this server.`;
  return new JobsError("store-unavailable", message, { field: "name" });
}

/** How to log an error after which it is done again: that this server may not decide just now is said of everything at once. */
export function levelOf(error: unknown): "debug" | "warn" {
  return isNobodyDeciding(error) ? "debug" : "warn";
}

export function isNobodyDeciding(error: unknown): error is JobsError {
  return error instanceof JobsError && error.code === "no-deciding-server";
}
