/** The bucket `agents`: one record an agent, written by the server alone. */
import { Kvm, type KV } from "@nats-io/kv";
import { AgentRecord } from "../domain/agent.ts";
import { subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

export class AgentStore {
  readonly #link: NatsLink;
  #bucket: Promise<KV> | undefined;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  async put(record: AgentRecord): Promise<void> {
    this.#bucket ??= new Kvm(this.#link.js).open(subjects.agents.bucket, { streamName: STREAMS.agents });
    await (await this.#bucket).put(record.id, JSON.stringify(record));
  }

  watch(listener: { onAgent(record: AgentRecord): void; onReady(): void; onError(error: unknown): void }): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.agents,
      filter: subjects.agents.all,
      onMessage: ({ bytes }) => {
        if (bytes.length > 0) listener.onAgent(AgentRecord.parse(JSON.parse(new TextDecoder().decode(bytes))));
      },
      onReady: () => listener.onReady(),
      onError: (error) => listener.onError(error),
    });
  }
}
