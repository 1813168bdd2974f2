/** HISTORY: finished runs, written once, when log and artifacts are settled; removed when they have been kept for long enough. */
import { z } from "zod";
import { Instant } from "../domain/ids.ts";
import { Forgotten } from "../domain/retention.ts";
import { Run } from "../domain/run.ts";
import { JobsError } from "../errors.ts";
import type { HistoryDeletion } from "../protocol/commands.ts";
import { parseHistoryErasure, parseHistoryMark, parseHistoryRun, subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { isMarker, markerHeaders, outcomeOf, type WriteOutcome } from "./publish.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamWatch } from "./watch.ts";

const DECODER = new TextDecoder();
/** Which server is behind for longer reads all of it anew. */
const MARKER_SECONDS = 150;
/** `before`: it is carried out, and was about what is older than this sequence; left out: than its own. Older ones do not say whose it was. */
const Erasure = z.looseObject({
  v: z.literal(1),
  before: z.int().optional(),
  at: Instant.optional(),
  by: z.string().optional(),
});
type Erasure = z.infer<typeof Erasure>;

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

  /** Reads one finished run; undefined when there is none. Throws {@link unreadableRun}. */
  async find(job: string, run: string): Promise<Run | undefined> {
    const subject = subjects.history.run(job, run);
    const message = await this.#link.jsm.streams.getMessage(STREAMS.history, { last_by_subj: subject });
    if (message === null || isMarker(message.header)) return undefined;
    const record = findRecord(message.data);
    if (record === undefined) throw unreadableRun(job, run);
    return record;
  }

  /** Puts a marker, which goes by itself, in the place of a run's record; harmless when it is done again. */
  async remove(job: string, run: string): Promise<void> {
    await this.#link.js.publish(subjects.history.run(job, run), "", { headers: markerHeaders(MARKER_SECONDS) });
  }

  /** Writes what was and is being removed, over the record of sequence `previous` (0: none). */
  writeForgotten(forgotten: Forgotten, previous: number): Promise<WriteOutcome> {
    const expect = { lastSubjectSequence: previous };
    return outcomeOf(this.#link.js.publish(subjects.history.forgotten, JSON.stringify(forgotten), { expect }));
  }

  /** Every record of the job that is there now counts as deleted from here on; the sequence before which they are. */
  async erase(job: string, { at, by }: Pick<HistoryDeletion, "at" | "by">): Promise<number> {
    const erasure: Erasure = { v: 1, at, by };
    try {
      return (await this.#link.js.publish(subjects.history.erasure(job), JSON.stringify(erasure))).seq;
    } catch (cause) {
      throw unanswered(cause);
    }
  }

  /** The last erasure of the job; undefined when there was none, or an older version made it. Throws `store-unavailable`. */
  async findDeletion(job: string): Promise<HistoryDeletion | undefined> {
    const { erasure, sequence } = (await this.#readErasure(job)) ?? {};
    if (sequence === undefined || erasure?.at === undefined || erasure.by === undefined) return undefined;
    return { sequence: erasure.before ?? sequence, at: erasure.at, by: erasure.by };
  }

  async #readErasure(job: string): Promise<{ readonly erasure: Erasure; readonly sequence: number } | undefined> {
    try {
      const subject = subjects.history.erasure(job);
      const message = await this.#link.jsm.streams.getMessage(STREAMS.history, { last_by_subj: subject });
      return message === null ? undefined : { erasure: Erasure.parse(message.json()), sequence: message.seq };
    } catch (cause) {
      throw unanswered(cause);
    }
  }

  /** Removes the records that an erasure of this sequence is about, and says so. That there was one stays known for ever. */
  async purge(job: string, before: number): Promise<void> {
    await this.#link.jsm.streams.purge(STREAMS.history, { filter: subjects.history.ofJob(job), seq: before });
    const done = JSON.stringify({ v: 1, ...(await this.#readErasure(job))?.erasure, before } satisfies Erasure);
    await this.#link.js.publish(subjects.history.erasure(job), done, {
      expect: { lastSubjectSequence: before }, // another erasure has come meanwhile: it stays
    });
  }

  /** Writes this server's mark, which comes back through the watch once everything before it did. */
  async mark(server: string, mark: string): Promise<void> {
    await this.#link.js.publish(subjects.history.mark(server), mark, { ttl: "60s" });
  }

  /** Every finished run, in the order in which they settled, then each further one. */
  watch(listener: {
    onRun(run: Run, sequence: number): void;
    /** The records of the job before this sequence are deleted; `isDone`: and removed. */
    onErasure(job: string, before: number, isDone: boolean): void;
    /** There is a finished run whose record this version cannot read. */
    onUnreadable(job: string, run: string): void;
    /** Its record is no more. */
    onRemoved(run: string): void;
    onForgotten(forgotten: Forgotten, sequence: number): void;
    onMark(server: string, mark: string): void;
    onReady(): void;
    onReset(): void;
    onError(error: unknown): void;
  }): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.history,
      filter: subjects.history.all,
      onMessage: ({ subject, sequence, headers, bytes }) => {
        const server = parseHistoryMark(subject);
        if (server !== undefined) return listener.onMark(server, DECODER.decode(bytes));
        if (subject === subjects.history.forgotten)
          return listener.onForgotten(Forgotten.parse(JSON.parse(DECODER.decode(bytes))), sequence);
        const erased = parseHistoryErasure(subject);
        if (erased !== undefined) {
          const { before } = Erasure.parse(JSON.parse(DECODER.decode(bytes)));
          return listener.onErasure(erased, before ?? sequence, before !== undefined);
        }
        const named = parseHistoryRun(subject);
        if (named !== undefined && isMarker(headers)) return listener.onRemoved(named.run);
        const record = findRecord(bytes);
        if (record !== undefined) return listener.onRun(record, sequence);
        if (named === undefined) throw new Error(`${subject} of HISTORY is unknown to this version`);
        listener.onUnreadable(named.job, named.run);
      },
      onReady: () => listener.onReady(),
      onReset: () => listener.onReset(),
      onError: (error) => listener.onError(error),
    });
  }
}

function unanswered(cause: unknown): JobsError {
  return new JobsError("store-unavailable", "NATS does not answer: try again.", { cause });
}

/** What is asked of a finished run whose record is there, and must not be taken for one that never was. */
export function unreadableRun(job: string, run: string): JobsError {
  const message = `The record of run ${run} of “${job}” is of a newer version: upgrade this server.`;
  return new JobsError("store-unavailable", message);
}

/** Undefined when this version cannot read it. */
function findRecord(bytes: Uint8Array): Run | undefined {
  try {
    return Run.safeParse(JSON.parse(DECODER.decode(bytes))).data;
  } catch {
    return undefined; // not JSON
  }
}
