/**
 * The bucket `jobs`: one record a run, and one guard a job. Every write is a compare-and-set over all of the job
 * (`$KV.jobs.<job>.>`), never over a key alone: that is the lock which keeps two runs of a job apart.
 */
import { Run } from "../domain/run.ts";
import { parseJobsSubject, subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { GroupCommit, type GuardedWrite } from "./group-commit.ts";
import { markerHeaders, type WriteOutcome } from "./publish.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamMessage, type StreamWatch } from "./watch.ts";

/** Markers must outlive every server's stale view: this is longer than a view may go unconfirmed, many times. */
export const MARKER_TTL_SECONDS = 150;

/**
 * A message of a job as the store holds it. `marker`: a run's record was removed. `unreadable`: a record that this
 * version cannot read; its job is left alone. `other`: something that is not a run.
 */
export interface JobEntry {
  readonly kind: "run" | "marker" | "unreadable" | "other";
  readonly job: string;
  readonly subject: string;
  readonly sequence: number;
  /** Of the kind `run` alone. */
  readonly run?: Run;
}

/** All of one job, read from the stream's leader. Deliveries up to `asOf` are included or overtaken. */
export interface JobSnapshot {
  readonly asOf: number;
  readonly entries: readonly JobEntry[];
}

/** What a watch of the bucket tells. */
export interface JobsListener {
  onEntry(entry: JobEntry): void;
  /** The mark that {@link JobStore.mark} wrote came back: everything before it was delivered. */
  onMark(server: string, mark: string): void;
  /** All that was stored when the watch began was delivered. */
  onReady(): void;
  /** The store is another one than before: forget everything. */
  onReset(): void;
  onError(error: unknown): void;
}

const DECODER = new TextDecoder();

/** The subject under which a run's record stands. */
export function subjectOfRun({ job, run }: Pick<Run, "job" | "run">): string {
  return subjects.jobs.run(job, run);
}

export class JobStore {
  readonly #link: NatsLink;
  readonly #commit: GroupCommit;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#commit = new GroupCommit(link);
  }

  /** Writes a run's record under the guard. */
  write(run: Run, guard: number): Promise<WriteOutcome> {
    return this.#commit.write(this.#guarded(run, guard, new TextEncoder().encode(JSON.stringify(run))));
  }

  /** Replaces a finished run's record by a marker that goes by itself, under the guard. */
  remove(run: Run, guard: number): Promise<WriteOutcome> {
    const write = this.#guarded(run, guard, new Uint8Array());
    return this.#commit.write({ ...write, headers: markerHeaders(MARKER_TTL_SECONDS) });
  }

  #guarded({ job, run }: Run, guard: number, bytes: Uint8Array): GuardedWrite {
    return { job, subject: subjectOfRun({ job, run }), guardSubject: subjects.jobs.guard(job), guard, bytes };
  }

  /** Reads all of a job from the leader: what a server does after a conflict, before it decides again. */
  async read(job: string): Promise<JobSnapshot> {
    const filter = subjects.jobs.guard(job);
    const { state } = await this.#link.jsm.streams.info(STREAMS.jobs);
    const entries: JobEntry[] = [];
    let from = 1;
    for (;;) {
      // A record that is replaced during the walk moves to the end, and is met there.
      const query = { seq: from, next_by_subj: filter }; // the client's types lack what the server takes
      const message = await this.#link.jsm.streams.getMessage(STREAMS.jobs, query);
      if (message === null) return { asOf: state.last_seq, entries };
      const { subject, seq: sequence, header, data: bytes } = message; // its fields are getters: spreading it gives none
      const entry = toEntry({ subject, sequence, headers: header, bytes });
      if (entry !== undefined) entries.push(entry);
      from = message.seq + 1;
    }
  }

  /** Writes this server's mark, which comes back through the watch once everything before it did. */
  async mark(server: string, mark: string): Promise<void> {
    await this.#link.js.publish(subjects.jobs.mark(server), mark, { ttl: "60s" });
  }

  watch(listener: JobsListener): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.jobs,
      filter: subjects.jobs.all,
      onMessage: (message) => {
        const named = parseJobsSubject(message.subject);
        if (named?.kind === "mark") listener.onMark(named.server, DECODER.decode(message.bytes));
        const entry = toEntry(message);
        if (entry !== undefined) listener.onEntry(entry);
      },
      onReady: () => listener.onReady(),
      onReset: () => listener.onReset(),
      onError: (error) => listener.onError(error),
    });
  }
}

function toEntry(message: Omit<StreamMessage, "ageMs">): JobEntry | undefined {
  const named = parseJobsSubject(message.subject);
  if (named === undefined || named.kind === "mark") return undefined;
  const entry = { job: named.job, subject: message.subject, sequence: message.sequence };
  if (named.kind !== "run") return { ...entry, kind: "other" };
  const removed = message.headers?.get("KV-Operation") !== undefined && message.headers.get("KV-Operation") !== "";
  if (removed) return { ...entry, kind: "marker" };
  const run = findRun(message.bytes);
  return run === undefined ? { ...entry, kind: "unreadable" } : { ...entry, kind: "run", run };
}

function findRun(bytes: Uint8Array): Run | undefined {
  try {
    return Run.safeParse(JSON.parse(DECODER.decode(bytes))).data;
  } catch {
    return undefined; // not even JSON
  }
}
