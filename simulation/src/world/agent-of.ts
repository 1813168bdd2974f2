import { currentAttempt, type Run } from "@jobs/core";

/** The agent that has a run, or the only one that may have it; undefined while any of several may. */
export function agentOf(run: Run): string | undefined {
  const { target } = run;
  return currentAttempt(run)?.agent ?? (target.kind === "agent" ? target.agent : undefined);
}
