import type { AgentView } from "@jobs/core/decide";

/** Attempts in writes under way, an agent: they count as assigned before they are. */
export class Reservations {
  readonly #reserved = new Map<string, number>();

  /** Reserves a place while the work is done. */
  async during<T>(agent: string | undefined, work: () => Promise<T>): Promise<T> {
    if (agent === undefined) return work();
    this.#add(agent, 1);
    try {
      return await work();
    } finally {
      this.#add(agent, -1);
    }
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
