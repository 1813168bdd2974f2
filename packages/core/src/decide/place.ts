/** Which agent takes a run. */
import type { Run } from "../domain/run.ts";
import { matches } from "../domain/selector.ts";
import type { AgentView, DecisionContext } from "./view.ts";

type Licensed = AgentView & Required<Pick<AgentView, "licence">>;

/** The agent that takes a run now, or what it waits for instead. */
export type Place =
  | { readonly agent: Licensed }
  | { readonly waitingFor: "agent" | "draining" | "slot"; readonly agent?: undefined };

/** An agent without a live licence is assigned nothing; neither is one that drains, or whose slots are all taken. */
export function findPlace(run: Pick<Run, "target" | "excluded" | "attempts">, context: DecisionContext): Place {
  const known = candidatesOf(run, context);
  const ready = known.filter(isReady);
  if (ready.length === 0) return { waitingFor: known.some(isLicensed) ? "draining" : "agent" };
  const free = ready.filter(({ assigned, slots }) => assigned < slots);
  // One that has just refused it may do so again, and looks idle.
  const last = run.attempts.at(-1);
  const others = last?.refusal === undefined ? [] : free.filter(({ id }) => id !== last.agent);
  const agent = best(others.length > 0 ? others : free, run.target.kind === "any" ? (run.target.prefer ?? []) : []);
  return agent === undefined ? { waitingFor: "slot" } : { agent };
}

/** True when an agent that the run may go to is there, with a free slot or without. */
export function isAnyAvailable(run: Pick<Run, "target">, context: DecisionContext): boolean {
  return candidatesOf(run, context).some(isReady);
}

/** The agents that a run may go to, whether they are there or not. */
export function candidatesOf({ target, excluded = [] }: Pick<Run, "target" | "excluded">, { agents }: DecisionContext) {
  if (target.kind === "agent") {
    const agent = agents.get(target.agent);
    return agent === undefined ? [] : [agent];
  }
  const only = target.kind === "all" && target.only !== undefined ? new Set(target.only) : undefined;
  return [...agents.list()]
    .filter((agent) => matches(target.labels, agent) && !excluded.includes(agent.id))
    .filter(({ id }) => only?.has(id) !== false);
}

function isLicensed(agent: AgentView): agent is Licensed {
  return agent.licence !== undefined;
}

/** It is in contact, and takes on runs. */
function isReady(agent: AgentView): agent is Licensed {
  return isLicensed(agent) && !agent.isDraining;
}

/** The one that is preferred, of those the least loaded, of those the one that was idle for longest. */
function best(agents: readonly Licensed[], prefer: readonly string[]): Licensed | undefined {
  if (agents.length < 2) return agents[0];
  const rank = (agent: Licensed): readonly (number | string)[] => [
    ...prefer.map((selector) => (matches(selector, agent) ? 0 : 1)),
    agent.assigned / agent.slots,
    agent.usedAtMs ?? 0,
    agent.id,
  ];
  return agents
    .map((agent) => ({ agent, rank: rank(agent) }))
    .reduce((one, other) => (isBefore(other.rank, one.rank) ? other : one)).agent;
}

function isBefore(one: readonly (number | string)[], other: readonly (number | string)[]): boolean {
  const differs = one.findIndex((value, index) => value !== other[index]);
  return differs >= 0 && (one[differs] ?? 0) < (other[differs] ?? 0);
}
