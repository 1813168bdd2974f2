import type { AgentView } from "@jobs/core/decide";

/** Places of agents that are given away though no record says so yet: attempts in writes under way, and some kept free. */
export class Reservations {
  readonly #reserved = new Map<string, number>();
  /** Of them those in writes, by agent and job. */
  readonly #taken = new Map<string, number>();
  /** And those that are kept for a job, by agent and job. */
  readonly #meant = new Map<string, number>();

  /** Reserves a place for a run of the job while the work is done; none without an agent. */
  async during<T>(agent: string | undefined, job: string, work: () => Promise<T>): Promise<T> {
    if (agent === undefined) return work();
    const giveBack = this.keep(agent);
    const key = keyOf(agent, job);
    addTo(this.#taken, key, 1);
    try {
      return await work();
    } finally {
      addTo(this.#taken, key, -1);
      giveBack();
    }
  }

  /** How many places of the agent runs of the job have in writes that are under way. */
  takenBy(agent: string, job: string): number {
    return this.#taken.get(keyOf(agent, job)) ?? 0;
  }

  /** Reserves a place until what it returns is called, once; for everybody but this job, if one is given. */
  keep(agent: string, job?: string): () => void {
    const add = (change: 1 | -1): void => {
      addTo(this.#reserved, agent, change);
      if (job !== undefined) addTo(this.#meant, keyOf(agent, job), change);
    };
    add(1);
    return () => add(-1);
  }

  /** The agent with what is reserved on it, as this job sees it, if one is given. */
  on(agent: AgentView, job?: string): AgentView {
    const meant = job === undefined || this.#meant.size === 0 ? 0 : (this.#meant.get(keyOf(agent.id, job)) ?? 0);
    const reserved = (this.#reserved.get(agent.id) ?? 0) - meant;
    return reserved === 0 ? agent : { ...agent, assigned: agent.assigned + reserved };
  }
}

function addTo(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** The id of an agent has no space. */
function keyOf(agent: string, job: string): string {
  return `${agent} ${job}`;
}
