/**
 * Guarded writes to the bucket `jobs`: alone when few are under way, in atomic batches under load, because a node that
 * syncs every write syncs a batch once. A batch holds at most one write of a job: NATS would accept two under one guard.
 * A batch that fails is retried write by write, so that each gets the outcome that is its own.
 */
import { nuid, type MsgHdrs } from "@nats-io/transport-node";
import type { NatsLink } from "./connection.ts";
import { outcomeOf, type WriteOutcome } from "./publish.ts";

/** One write of one job. `guard`: the last sequence of the whole job that was read, 0 when it has nothing. */
export interface GuardedWrite {
  readonly job: string;
  readonly subject: string;
  readonly guardSubject: string;
  readonly guard: number;
  readonly bytes: Uint8Array;
  readonly headers?: MsgHdrs;
}

interface Waiting {
  readonly write: GuardedWrite;
  readonly done: (outcome: WriteOutcome) => void;
}

/** Lone writes under way at once; more wait and go together. */
const MAX_LONE = 8;
/** With one replica NATS makes a store in files for each batch, and syncs that too: few that are large cost less. It takes up to 1,000. */
const MAX_BATCH = 500;
/** Writes of a failed batch that are under way at once: a node that syncs each by itself answers them within their time. */
const MAX_RETRIED = 100;
/** A lone write that is not answered is soon of unknown outcome, and sent again. A batch, and what is sent of a failed one, has longer. Milliseconds. */
const ALONE_TIMEOUT_MS = 2_000;
const BATCH_TIMEOUT_MS = 5_000;

export class GroupCommit {
  readonly #link: NatsLink;
  #waiting: Waiting[] = [];
  #underWay = 0;
  #batchUnderWay = false;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  write(write: GuardedWrite): Promise<WriteOutcome> {
    return new Promise((done) => {
      this.#waiting.push({ write, done });
      // What is decided in the same turn is there by then.
      if (this.#waiting.length === 1) setImmediate(() => this.#next());
    });
  }

  #next(): void {
    if (this.#batchUnderWay) return;
    if (this.#waiting.length > MAX_LONE) {
      this.#batchUnderWay = true;
      void this.#track(this.#together(this.#takeBatch())).finally(() => {
        this.#batchUnderWay = false;
        this.#next();
      });
      return;
    }
    for (const one of this.#waiting.splice(0, MAX_LONE - this.#underWay))
      void this.#track(this.#alone(one, ALONE_TIMEOUT_MS));
  }

  async #track(work: Promise<unknown>): Promise<void> {
    this.#underWay++;
    await work;
    this.#underWay--;
    this.#next();
  }

  /** The oldest writes, at most one a job; the others keep their place. */
  #takeBatch(): readonly Waiting[] {
    const jobs = new Set<string>();
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    for (const one of this.#waiting) {
      const fits = batch.length < MAX_BATCH && !jobs.has(one.write.job);
      if (fits) jobs.add(one.write.job);
      (fits ? batch : rest).push(one);
    }
    this.#waiting = rest;
    return batch;
  }

  async #alone({ write, done }: Waiting, timeout: number): Promise<WriteOutcome> {
    const outcome = await outcomeOf(
      this.#link.js.publish(write.subject, write.bytes, {
        expect: { lastSubjectSequence: write.guard, lastSubjectSequenceSubject: write.guardSubject },
        timeout,
        ...(write.headers === undefined ? {} : { headers: write.headers }),
      }),
    );
    done(outcome);
    return outcome;
  }

  /** Once NATS leaves one unanswered nobody waits for the others, too: of what is not sent yet nobody knows more. */
  async #eachAlone(batch: readonly Waiting[]): Promise<void> {
    for (let from = 0; from < batch.length; from += MAX_RETRIED) {
      const sent = batch.slice(from, from + MAX_RETRIED);
      const outcomes = await Promise.all(sent.map((one) => this.#alone(one, BATCH_TIMEOUT_MS)));
      const unknown = outcomes.find(({ kind }) => kind === "unknown");
      if (unknown === undefined) continue;
      for (const { done } of batch.slice(from + MAX_RETRIED)) done(unknown);
      return;
    }
  }

  async #together(batch: readonly Waiting[]): Promise<void> {
    const last = await this.#commit(batch.map(({ write }) => write)).catch(() => undefined);
    if (last === undefined) {
      // Nothing of it is stored, or all of it: then each write alone meets its own record, as after any unknown outcome.
      await this.#eachAlone(batch);
      return;
    }
    const first = last - batch.length + 1;
    for (const [index, { done }] of batch.entries()) done({ kind: "stored", sequence: first + index });
  }

  /** Publishes an atomic batch; the sequence of its last message, or undefined when it was refused. Messages of a batch are consecutive. */
  async #commit(writes: readonly GuardedWrite[]): Promise<number | undefined> {
    const id = nuid.next();
    const { connection } = this.#link;
    for (const [index, write] of writes.entries()) {
      const isLast = index === writes.length - 1;
      const head = headersOf(write, { id, number: index + 1, isLast });
      if (!isLast) {
        connection.publish(write.subject, write.bytes, { headers: head });
        continue;
      }
      const reply = await connection.request(write.subject, write.bytes, { headers: head, timeout: BATCH_TIMEOUT_MS });
      const ack = reply.json<{ error?: unknown; count?: number; seq?: number }>();
      if (ack.error !== undefined || ack.count !== writes.length) return undefined;
      return ack.seq;
    }
    return undefined;
  }
}

/**
 * The headers of a write in a batch, as they are sent: of what it publishes the client asks their bytes alone. Its own
 * class checks and copies each several times, which was a tenth of the memory that a submission took under load.
 */
function headersOf(
  { guard, guardSubject, headers: given }: GuardedWrite,
  { id, number, isLast }: { readonly id: string; readonly number: number; readonly isLast: boolean },
): MsgHdrs {
  let text = `NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: ${guard}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${guardSubject}\r\nNats-Batch-Id: ${id}\r\nNats-Batch-Sequence: ${number}\r\n`;
  if (isLast) text += "Nats-Batch-Commit: 1\r\n";
  for (const [key, values] of given ?? []) for (const value of values) text += `${key}: ${value}\r\n`;
  const bytes = Buffer.from(`${text}\r\n`);
  return { encode: () => bytes } as unknown as MsgHdrs;
}
