/** EVENTS: the last evidence of each attempt. In memory: the agent says it again until it is released. */
import { Evidence } from "../domain/evidence.ts";
import { parseAgentSubject, subjects, type AttemptAddress } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

export interface EvidenceListener {
  onEvidence(agent: string, evidence: Evidence): void;
  onReady(): void;
  onError(error: unknown): void;
}

export class EvidenceStore {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** The agent's side. Throws when it was not acknowledged: say it again. */
  async put(agent: string, evidence: Evidence): Promise<void> {
    const subject = subjects.agent.evidence({ agent, run: evidence.run, attempt: evidence.attempt });
    await this.#link.js.publish(subject, JSON.stringify(evidence));
  }

  /** The server's side: the attempt is released. */
  async clear(address: AttemptAddress): Promise<void> {
    await this.#link.jsm.streams.purge(STREAMS.events, { filter: subjects.agent.evidence(address) });
  }

  watch(listener: EvidenceListener): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.events,
      filter: subjects.agent.evidences,
      onMessage: ({ subject, bytes }) => {
        const named = parseAgentSubject(subject);
        if (named?.kind !== "evt") return;
        const evidence = Evidence.parse(JSON.parse(new TextDecoder().decode(bytes)));
        // The subject is what the agent was allowed to publish on: it, not the body, says whose evidence this is.
        if (evidence.run === named.run && evidence.attempt === named.attempt)
          listener.onEvidence(named.agent, evidence);
      },
      onReady: () => listener.onReady(),
      onError: (error) => listener.onError(error),
    });
  }
}
