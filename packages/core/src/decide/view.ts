import type { Licence } from "../domain/attempt.ts";
import type { Run } from "../domain/run.ts";
import type { JobsError } from "../errors.ts";

/** All that is known of one job: its live runs, in the order of their submission. */
export interface JobView {
  readonly job: string;
  readonly runs: readonly Run[];
}

/** What the decisions need to know of one agent. */
export interface AgentView {
  readonly id: string;
  readonly name: string;
  readonly slots: number;
  /** Attempts of live runs that are assigned to it, all jobs together. */
  readonly assigned: number;
  /** The licence of its last beat, if that beat is recent; else it is assigned nothing. */
  readonly licence?: Licence;
  /** What its last beat listed: every attempt that the host holds or has not had confirmed. */
  readonly held: readonly { readonly run: string; readonly attempt: number }[];
}

/** What comes in from outside a decision: agents, time, and the name of the write that may follow. */
export interface DecisionContext {
  readonly agents: { get(agent: string): AgentView | undefined };
  /** RFC 3339, UTC. */
  readonly now: string;
  readonly writeId: string;
}

/**
 * What a decision says. `write`: this record is to be written under the guard of the view. `known`: what was asked for
 * already is so. `reject`: it cannot be; nothing is written.
 */
export type Decision =
  | { readonly kind: "write"; readonly run: Run }
  | { readonly kind: "known"; readonly run: Run }
  | { readonly kind: "reject"; readonly error: JobsError }
  | { readonly kind: "nothing" };

export const NOTHING: Decision = { kind: "nothing" };

/** A write of `run`, named for recognition. */
export function write(run: Run, context: DecisionContext): Decision {
  return { kind: "write", run: { ...run, writeId: context.writeId } };
}
