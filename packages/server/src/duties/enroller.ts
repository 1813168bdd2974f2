/** Makes a record for each agent that is heard, and the consumer that it pulls its inbox from; keeps what is said of an agent. */
import { JobsError, type AgentRecord, type Beat, type HostReport } from "@jobs/core";
import type { AgentStore, InboxStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { AgentsProjection } from "../projection/agents-projection.ts";

export interface EnrollerOptions {
  readonly store: AgentStore;
  readonly inbox: InboxStore;
  readonly agents: AgentsProjection;
  readonly epoch: () => string;
  readonly now: () => string;
  readonly log: Logger;
}

export class Enroller {
  readonly #options: EnrollerOptions;
  /** Agents whose record is being written. */
  readonly #enrolling = new Set<string>();
  /** Agents whose inbox's consumer is being made. */
  readonly #making = new Set<string>();

  constructor(options: EnrollerOptions) {
    this.#options = options;
  }

  /** The subject it came on, which NATS guards, says which agent it is; the report only what it has. */
  async onReport(agent: string, report: HostReport): Promise<void> {
    const known = this.#options.agents.findRecord(agent);
    const { name, slots, labels } = report;
    const epoch = this.#options.epoch();
    if (known?.epoch === epoch && known.name === name && known.slots === slots && sameLabels(known.labels, labels))
      return;
    if (this.#enrolling.has(agent)) return;
    this.#enrolling.add(agent);
    // What is not about the report, it keeps: the guard says that nobody else wrote meanwhile.
    const record: AgentRecord = {
      v: 1,
      enrolledAt: this.#options.now(),
      ...known,
      id: agent,
      name,
      slots,
      labels,
      epoch,
    };
    try {
      const outcome = await this.#options.store.put(record, this.#options.agents.sequenceOf(agent));
      if (outcome.kind !== "stored") throw new Error(`its outcome is: ${outcome.kind}`);
      this.#options.agents.onRecord(record, outcome.sequence);
      this.#options.log.info({ agent, name }, known === undefined ? "an agent enrolled" : "an agent changed");
    } catch (error) {
      this.#options.log.warn({ err: error, agent }, "an agent's record was not stored; the next round tries it again");
    } finally {
      this.#enrolling.delete(agent);
    }
  }

  /**
   * Throws `store-unavailable` when somebody else wrote just now, or when the outcome is not known: ask again. `isNew`:
   * false when it was so already.
   */
  async change(
    agent: string,
    next: (before: AgentRecord) => AgentRecord,
  ): Promise<{ readonly agent: AgentRecord; readonly sequence: number; readonly isNew: boolean }> {
    const { agents, store } = this.#options;
    const before = agents.findRecord(agent);
    const previous = agents.sequenceOf(agent);
    if (before === undefined) throw new JobsError("agent-unknown", `There is no agent “${agent}”.`, { field: "agent" });
    const record = next(before);
    if (record === before) return { agent: before, sequence: previous, isNew: false };
    const outcome = await store.put(record, previous);
    if (outcome.kind !== "stored") {
      const message = "Nobody knows whether it was stored, or somebody else changed it just now: look, and try again.";
      throw new JobsError("store-unavailable", message);
    }
    agents.onRecord(record, outcome.sequence);
    return { agent: record, sequence: outcome.sequence, isNew: true };
  }

  async onBeat(agent: string, beat: Beat): Promise<void> {
    if (beat.inbox || this.#making.has(agent)) return;
    this.#making.add(agent);
    try {
      await this.#options.inbox.ensureConsumer(agent);
    } catch (error) {
      this.#options.log.warn({ err: error, agent }, "an inbox's consumer was not made; the next beat asks again");
    } finally {
      this.#making.delete(agent);
    }
  }
}

function sameLabels(one: AgentRecord["labels"], other: AgentRecord["labels"]): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
