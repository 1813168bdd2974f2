import type { ProcessIdentity } from "./process-table.ts";
import type { AttemptStatus, Fence } from "./protocol.ts";

/** What the journal keeps of one attempt; the latest one of an attempt replaces those before it. */
export interface AttemptRecord {
  readonly status: AttemptStatus;
  readonly allowsOverlap: boolean;
  /** The boot in which `leader` and `leftOver` mean something. */
  readonly bootId: string;
  readonly leader?: ProcessIdentity;
  readonly leftOver?: readonly ProcessIdentity[];
}

/** Version of the records below; a record without one is of version 1, too. */
export const JOURNAL_VERSION = 1;

const KINDS: ReadonlySet<unknown> = new Set<JournalRecord["kind"]>(["attempt", "released", "epoch", "fence"]);

/** A line of the journal. Scripts and environment values never get here: they may hold secrets. */
export type JournalRecord =
  | { readonly kind: "attempt"; readonly record: AttemptRecord }
  | { readonly kind: "released"; readonly run: string; readonly attempt: number }
  /** Written when the journal is compacted: what must outlive the attempts themselves. */
  | { readonly kind: "epoch"; readonly epoch: string }
  | { readonly kind: "fence"; readonly job: string; readonly fence: Fence };

/** Reads what a line of the journal says; undefined when it is of a kind or version that this code does not know. */
export function findRecord(json: string): JournalRecord | undefined {
  const { v = JOURNAL_VERSION, ...record } = JSON.parse(json) as JournalRecord & { readonly v?: unknown };
  return v === JOURNAL_VERSION && KINDS.has(record.kind) ? record : undefined;
}

/**
 * Names an attempt on this host: its folder, and the marker in the environment of its processes. `<run>.<attempt>`;
 * what could lead out of the folder, or end a string for the kernel, is written as `%` and its code.
 */
export function attemptName(run: string, attempt: number): string {
  return `${run.replaceAll(/[^\w-]/gu, (character) => `%${character.codePointAt(0)?.toString(16)}`)}.${Number(attempt)}`;
}
