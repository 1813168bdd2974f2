import type { AgentView } from "@jobs/core/decide";

/** Places of agents that are given away though no record says so yet: attempts in writes under way, and some kept free. */
export class Reservations {
  readonly #reserved = new Map<string, number>();

  /** Reserves a place while the work is done. */
  during<T>(agent: string | undefined, work: () => Promise<T>): Promise<T> {
    if (agent === undefined) return work();
    const giveBack = this.keep(agent);
    return work().finally(giveBack);
  }

  /** Reserves a place until what it returns is called, once. */
  keep(agent: string): () => void {
    this.#add(agent, 1);
    return () => this.#add(agent, -1);
  }

  /** The agent with what is reserved on it. */
  on(agent: AgentView): AgentView {
    const reserved = this.#reserved.get(agent.id) ?? 0;
    return reserved === 0 ? agent : { ...agent, assigned: agent.assigned + reserved };
  }

  #add(agent: string, change: 1 | -1): void {
    this.#reserved.set(agent, (this.#reserved.get(agent) ?? 0) + change);
  }
}
