import type { Licence } from "../domain/attempt.ts";
import type { JobDefinition } from "../domain/job.ts";
import type { Run, RunState } from "../domain/run.ts";
import type { JobsError } from "../errors.ts";

/** All that is known of one job: what is said of it, and its live runs, in the order of their submission. */
export interface JobView {
  readonly job: string;
  readonly runs: readonly Run[];
  readonly definition?: JobDefinition | undefined;
}

/** An attempt as a host lists it. */
export interface HeldEntry {
  readonly run: string;
  readonly attempt: number;
  /** Nothing of it runs, or ever will. */
  readonly isOver?: boolean | undefined;
  /** It never began there, as far as the host remembers. */
  readonly isRefused?: boolean | undefined;
}

/** What the decisions need to know of one agent. */
export interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** It is assigned nothing more. */
  readonly isDraining: boolean;
  readonly slots: number;
  /** When it was assigned something last, or something on it ended; milliseconds of a clock that all agents share. */
  readonly usedAtMs?: number | undefined;
  /** Attempts of live runs that are assigned to it, all jobs together. */
  readonly assigned: number;
  /** The licence of its last beat, if that beat is recent; else it is assigned nothing. */
  readonly licence?: Licence;
  /** How long ago its last beat came, milliseconds; undefined when none is known. */
  readonly sinceBeatMs?: number;
  /** What its last beat listed: every attempt that the host holds or has not had confirmed. */
  readonly held: readonly HeldEntry[];
  /** It holds a start back until the instant that is named. */
  readonly holdsStarts?: boolean | undefined;
}

/** An attempt that runs on a host, as its last beat says. */
export interface LiveOnHost {
  readonly agent: string;
  readonly run: string;
  readonly attempt: number;
}

/** What comes in from outside a decision: agents, time, and the name of the write that may follow. */
export interface DecisionContext {
  readonly agents: {
    get(agent: string): AgentView | undefined;
    list(): Iterable<AgentView>;
    /** The attempts of a job that hosts say are not over, whatever the records say. */
    liveOf(job: string): readonly LiveOnHost[];
    /** How long the host has certainly said nothing of this attempt, milliseconds; 0 while nobody can tell. */
    silentMs(held: LiveOnHost): number;
  };
  /** The state of a run of any job; undefined when nobody knows it (any more). */
  stateOf(run: { readonly job: string; readonly run: string }): RunState | undefined;
  /** The id of the run that stands for a slot of a schedule: always the same for the same slot. */
  slotRun(slot: { readonly job: string; readonly schedule: string; readonly at: string }): string;
  /** The id of the part of a run on one host: always the same for the same host. */
  memberRun(member: { readonly run: string; readonly agent: string }): string;
  /** Everything is paused. */
  readonly isPaused: boolean;
  /** The store was restored, and hosts that may run something were not heard since. */
  readonly isRestoring: boolean;
  /** RFC 3339, UTC. */
  readonly now: string;
  readonly writeId: string;
}

/**
 * What a decision says. `write`: this record is to be written under the guard of the view; `define`: the same for the
 * job's definition; `delete`: a marker is, in its place. `known`: what was asked for already is so. `reject`: it cannot be; nothing is written.
 */
export type Decision =
  | { readonly kind: "write"; readonly run: Run }
  | { readonly kind: "define"; readonly definition: JobDefinition }
  | { readonly kind: "delete"; readonly job: string }
  | { readonly kind: "known"; readonly run: Run }
  | { readonly kind: "reject"; readonly error: JobsError }
  | { readonly kind: "nothing" };

export const NOTHING: Decision = { kind: "nothing" };

/** A write of `run`, named for recognition. */
export function write(run: Run, context: DecisionContext): Decision {
  const { writeId } = context;
  return { kind: "write", run: run.writeId === writeId ? run : { ...run, writeId } };
}
