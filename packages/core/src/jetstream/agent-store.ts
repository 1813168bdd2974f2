/** The bucket `agents`: one record an agent, written by the server alone. */
import { AgentRecord } from "../domain/agent.ts";
import { parseAgentsMark, subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { outcomeOf, type WriteOutcome } from "./publish.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

const DECODER = new TextDecoder();

export class AgentStore {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Writes a record on top of the one of this sequence; 0: there is none. */
  put(record: AgentRecord, previous: number): Promise<WriteOutcome> {
    const expect = { lastSubjectSequence: previous };
    return outcomeOf(this.#link.js.publish(subjects.agents.record(record.id), JSON.stringify(record), { expect }));
  }

  /** Writes this server's mark, which comes back through the watch once everything before it did. */
  async mark(server: string, mark: string): Promise<void> {
    await this.#link.js.publish(subjects.agents.mark(server), mark, { ttl: "60s" });
  }

  watch(listener: {
    onAgent(record: AgentRecord, sequence: number): void;
    onMark(server: string, mark: string): void;
    onReady(): void;
    /** The records come again from the first. */
    onReset(): void;
    onError(error: unknown): void;
  }): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.agents,
      filter: subjects.agents.all,
      onMessage: ({ subject, bytes, sequence }) => {
        const server = parseAgentsMark(subject);
        if (server !== undefined) return listener.onMark(server, DECODER.decode(bytes));
        if (bytes.length > 0) listener.onAgent(AgentRecord.parse(JSON.parse(DECODER.decode(bytes))), sequence);
      },
      onReset: () => listener.onReset(),
      onReady: () => listener.onReady(),
      onError: (error) => listener.onError(error),
    });
  }
}
