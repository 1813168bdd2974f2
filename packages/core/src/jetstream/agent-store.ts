/** The bucket `agents`: one record an agent, written by the server alone. */
import { AgentRecord } from "../domain/agent.ts";
import { subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { outcomeOf, type WriteOutcome } from "./publish.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

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

  watch(listener: {
    onAgent(record: AgentRecord, sequence: number): void;
    onReady(): void;
    /** The records come again from the first. */
    onReset(): void;
    onError(error: unknown): void;
  }): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.agents,
      filter: subjects.agents.all,
      onMessage: ({ bytes, sequence }) => {
        if (bytes.length > 0)
          listener.onAgent(AgentRecord.parse(JSON.parse(new TextDecoder().decode(bytes))), sequence);
      },
      onReset: () => listener.onReset(),
      onReady: () => listener.onReady(),
      onError: (error) => listener.onError(error),
    });
  }
}
