import type { Attempt, AttemptExit } from "../domain/attempt.ts";
import type { Reason } from "../domain/reason.ts";
import type { Run, RunState } from "../domain/run.ts";

export interface Verdict {
  readonly state: RunState;
  readonly reason: Reason;
}

/** State and reason that an exit stands for. What a cancelled script did by itself before the signal came is what counts. */
export function verdict(exit: AttemptExit, cancel: Run["cancel"]): Verdict {
  switch (exit.cause) {
    case "cancelled":
      return { state: "cancelled", reason: cancel?.replacedBy === undefined ? "cancelled-by" : "replaced-by" };
    case "no-contact":
      return { state: "failed", reason: "lost" };
    case "timeout":
    case "silence":
      return { state: "failed", reason: "timeout" };
    case "host-restarted":
    case "host-stopped":
    case "supervisor-ended":
      return { state: "failed", reason: exit.cause };
    case undefined:
      if (exit.signal !== undefined) return { state: "failed", reason: "signal" };
      return { state: exit.exitCode === 0 ? "completed" : "failed", reason: "exit" };
  }
}

/** How a run has failed whose last try this was. */
export function failure({ refusal, exit = {} }: Attempt): Verdict {
  return refusal === undefined ? verdict(exit, undefined) : { state: "failed", reason: "refused-by-agent" };
}
