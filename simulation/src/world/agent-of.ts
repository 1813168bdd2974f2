import { currentAttempt, matches, type Run } from "@jobs/core";

/** The labels of a site's agent. */
export function labelsOf(agent: string): Record<string, string> {
  return { parity: Number(/\d+$/.exec(agent)?.[0] ?? 0) % 2 === 0 ? "even" : "odd" };
}

/** Where a run may go: what submissions of a world choose from. */
export const SELECTORS = ["parity", "parity=even", "parity in (odd, even)", "!gpu"] as const;

/** The agents that a run may still go to: the one that has it, while one has. */
export function agentsOf(run: Run, agents: readonly string[]): readonly string[] {
  const attempt = currentAttempt(run);
  return agents.filter((agent) => (attempt === undefined ? mayGoTo(run, agent) : attempt.agent === agent));
}

export function mayGoTo({ target }: Run, agent: string): boolean {
  return target.kind === "agent"
    ? target.agent === agent
    : matches(target.labels, { name: agent, labels: labelsOf(agent) });
}
