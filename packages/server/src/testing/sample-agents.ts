import type { AgentRecord } from "@jobs/core";
import { AgentsProjection } from "../projection/agents-projection.ts";
import { AT } from "./sample-run.ts";

const LICENCE = { session: "s", number: 1 };

/** An agent with one slot, named as its id. */
export function sampleAgent(id: string, change: Partial<AgentRecord> = {}): AgentRecord {
  return { v: 1, id, name: id, slots: 1, labels: {}, enrolledAt: AT, ...change };
}

/** Agents of which no host was heard yet, with nothing assigned to them. */
export function sampleAgents(...records: readonly AgentRecord[]): AgentsProjection {
  const agents = new AgentsProjection({
    monotonicMs: () => 0,
    now: () => AT,
    assignedTo: () => 0,
    usedAtMs: () => undefined,
    countsForMs: () => 0,
  });
  for (const [index, record] of records.entries()) agents.onRecord(record, index + 1);
  return agents;
}

/** A beat of the host comes, sent so long ago. */
export function hear(agents: AgentsProjection, agent: string, ageMs = 0): void {
  agents.onBeat(agent, { v: 1, ...LICENCE, licence: LICENCE, held: [], inbox: true }, ageMs);
}
