/** What clients asked for, what they were answered, and how they saw runs end: all that the rules are checked against. */
import type { ErrorCode, OverlapPolicy, RunView } from "@jobs/core";
import type { ScriptShape } from "./script.ts";

/** A submission, perhaps sent several times. */
export interface Submitted {
  readonly job: string;
  readonly key: string;
  readonly overlap: OverlapPolicy;
  readonly shape: ScriptShape;
  /** In the order in which they came; `sentAt` and `at` are of one clock, milliseconds. */
  readonly answers: Answer[];
}

export interface Answer {
  readonly sentAt: number;
  readonly at: number;
  readonly server: string;
  /** The run that was acknowledged; else `code` says why there is none. */
  readonly run?: string;
  readonly code?: ErrorCode;
}

/** What is final of a run once it has ended. */
export interface Ending {
  readonly state: RunView["state"];
  readonly reason: RunView["reason"];
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly endedAt: string;
}

export function endingOf({ state, reason, exitCode, signal, times }: RunView): Ending | undefined {
  return times.endedAt === undefined ? undefined : { state, reason, exitCode, signal, endedAt: times.endedAt };
}

/** One line, equal for equal endings. */
export function describeEnding({ state, reason, exitCode, signal, endedAt }: Ending): string {
  return `${state}/${reason ?? "-"} exit ${exitCode ?? "-"} signal ${signal ?? "-"} at ${endedAt}`;
}

export class Ledger {
  readonly submitted: Submitted[] = [];
  /** Answers that no client should get, whatever is broken. */
  readonly complaints: string[] = [];
  readonly #endings = new Map<string, Set<string>>();
  #observations = 0;

  get observations(): number {
    return this.#observations;
  }

  /** Every way in which each run was seen ended: one, if all is well. */
  get endings(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#endings;
  }

  observe(view: RunView): void {
    this.#observations++;
    const ending = endingOf(view);
    if (ending === undefined) return;
    const seen = this.#endings.get(view.run) ?? new Set<string>();
    this.#endings.set(view.run, seen.add(describeEnding(ending)));
  }

  /** Runs that were acknowledged to a client, and what was asked for. */
  acknowledged(): ReadonlyMap<string, Submitted> {
    const runs = this.submitted.flatMap((one) =>
      one.answers.flatMap(({ run }) => (run === undefined ? [] : [[run, one] as const])),
    );
    return new Map(runs);
  }
}
