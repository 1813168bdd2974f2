/** HISTORY: finished runs, written once, when log and artifacts are settled. */
import { Run } from "../domain/run.ts";
import { parseHistoryMark, subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { outcomeOf, type WriteOutcome } from "./publish.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

export class HistoryStore {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** Writes a settled run; `conflict` when it is there already. */
  write(run: Run): Promise<WriteOutcome> {
    const subject = subjects.history.run(run.job, run.run);
    const bytes = new TextEncoder().encode(JSON.stringify(run));
    return outcomeOf(this.#link.js.publish(subject, bytes, { expect: { lastSubjectSequence: 0 } }));
  }

  /** Reads one finished run; undefined when there is none. */
  async find(job: string, run: string): Promise<Run | undefined> {
    const subject = subjects.history.run(job, run);
    const message = await this.#link.jsm.streams.getMessage(STREAMS.history, { last_by_subj: subject });
    return message === null ? undefined : Run.parse(message.json());
  }

  /** Writes this server's mark, which comes back through the watch once everything before it did. */
  async mark(server: string, mark: string): Promise<void> {
    await this.#link.js.publish(subjects.history.mark(server), mark, { ttl: "60s" });
  }

  /** Every finished run, in the order in which they settled, then each further one. */
  watch(listener: {
    onRun(run: Run): void;
    onMark(server: string, mark: string): void;
    onReady(): void;
    onReset(): void;
    onError(error: unknown): void;
  }): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.history,
      filter: subjects.history.all,
      onMessage: ({ subject, bytes }) => {
        const text = new TextDecoder().decode(bytes);
        const server = parseHistoryMark(subject);
        if (server === undefined) listener.onRun(Run.parse(JSON.parse(text)));
        else listener.onMark(server, text);
      },
      onReady: () => listener.onReady(),
      onReset: () => listener.onReset(),
      onError: (error) => listener.onError(error),
    });
  }
}
