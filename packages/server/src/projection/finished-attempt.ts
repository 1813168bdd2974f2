import { isOverOnHost, type Run } from "@jobs/core";

export interface FinishedAttempt {
  readonly agent: string;
  readonly number: number;
  /** Its host has said that nothing of it runs. */
  readonly isOver: boolean;
  readonly lostAfterMs: number | null;
  /** When its end was decided without its host, RFC 3339. */
  readonly endDecidedAt?: string | undefined;
}

/** What is to be known of an attempt of a run once the run has gone to HISTORY. */
export function finishedAttempt(
  { resolved }: Pick<Run, "resolved">,
  attempt: Run["attempts"][number],
): FinishedAttempt {
  const { agent, number, lostAfterMs, lost } = attempt;
  return { agent, number, isOver: isOverOnHost(attempt), lostAfterMs, endDecidedAt: lost?.at ?? resolved?.at };
}
