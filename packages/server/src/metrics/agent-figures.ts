/** Figures of the agents and of what runs on their hosts. */
import { unaccounted } from "@jobs/core/decide";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { Gauges } from "./gauges.ts";

export interface AgentFiguresOptions {
  readonly jobs: Pick<JobsProjection, "view">;
  readonly agents: Pick<AgentsProjection, "summaries" | "jobsOnHosts" | "liveOf">;
}

export function measureAgents(gauges: Gauges, { jobs, agents }: AgentFiguresOptions): void {
  const { jobs_agents, jobs_agent_slots, jobs_agent_slots_used } = gauges;
  for (const contact of ["yes", "no"])
    for (const gauge of [jobs_agents, jobs_agent_slots, jobs_agent_slots_used]) gauge.set({ contact }, 0);
  for (const { inContact, slots, assigned } of agents.summaries()) {
    const contact = inContact ? "yes" : "no";
    jobs_agents.inc({ contact });
    jobs_agent_slots.inc({ contact }, slots);
    jobs_agent_slots_used.inc({ contact }, assigned);
  }
  for (const job of agents.jobsOnHosts())
    gauges.jobs_attempts_unaccounted.inc(unaccounted(jobs.view(job), { agents }).length);
}
