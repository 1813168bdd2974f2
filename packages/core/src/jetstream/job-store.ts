/**
 * The bucket `jobs`: one record a run, and one guard a job. Every write is a compare-and-set over all of the job
 * (`$KV.jobs.<job>.>`), never over a key alone: that is the lock which keeps two runs of a job apart.
 */
import type { z } from "zod";
import { JobDefinition, Settings } from "../domain/job.ts";
import { Run } from "../domain/run.ts";
import { parseJobsSubject, subjects } from "../protocol/subjects.ts";
import type { NatsLink } from "./connection.ts";
import { GroupCommit, type GuardedWrite } from "./group-commit.ts";
import { isMarker, markerHeaders, outcomeOf, type WriteOutcome } from "./publish.ts";
import { STREAMS } from "./topology.ts";
import { watchStream, type StreamMessage, type StreamWatch } from "./watch.ts";

/** Markers must outlive every server's stale view: this is longer than a view may go unconfirmed, many times. */
export const MARKER_TTL_SECONDS = 150;

/**
 * A message of a job as the store holds it. `marker`: a run's record, or the definition, was removed. `unreadable`: a record that this
 * version cannot read; its job is left alone. `other`: something that this version does not know.
 */
export interface JobEntry {
  readonly kind: "run" | "definition" | "marker" | "unreadable" | "other";
  readonly job: string;
  readonly subject: string;
  readonly sequence: number;
  /** Of the kind `run` alone. */
  readonly run?: Run;
  /** Of the kind `definition` alone. */
  readonly definition?: JobDefinition;
}

/** What may be written of a job: a run, its definition, or a marker in the place of a finished run's record or of the definition. */
export type JobRecord =
  | { readonly kind: "run" | "marker"; readonly run: Run }
  | { readonly kind: "definition"; readonly definition: JobDefinition }
  | { readonly kind: "definition-marker"; readonly job: string };

/** The entry that a record has become by its acknowledged write. */
export function entryOf(record: JobRecord, sequence: number): JobEntry {
  if (record.kind === "definition-marker") {
    const { job } = record;
    return { kind: "marker", job, subject: subjects.jobs.definition(job), sequence };
  }
  if (record.kind === "definition") {
    const { definition } = record;
    const subject = subjects.jobs.definition(definition.job);
    return { kind: "definition", job: definition.job, subject, sequence, definition };
  }
  const { kind, run } = record;
  const { job } = run;
  const subject = subjectOfRun(run);
  // Not by spreading: of each copy that a spread adds a field to, V8 makes a hidden class of its own.
  return kind === "run" ? { kind, job, subject, sequence, run } : { kind, job, subject, sequence };
}

/** All of one job, read from the stream's leader. Deliveries up to `asOf` are included or overtaken. */
export interface JobSnapshot {
  readonly asOf: number;
  readonly entries: readonly JobEntry[];
}

/** What a watch of the bucket tells. */
export interface JobsListener {
  /** True when this of a job was told already, or overtaken: then it is neither read nor told. */
  isKnown(job: string, subject: string, sequence: number): boolean;
  onEntry(entry: JobEntry): void;
  onSettings(settings: Settings, sequence: number): void;
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
  /** By subject: a delivery of these bytes is this record, and need not be read again. */
  readonly #underWay = new Map<string, { readonly record: JobRecord; readonly bytes: Uint8Array }>();

  constructor(link: NatsLink) {
    this.#link = link;
    this.#commit = new GroupCommit(link);
  }

  /** Writes a run's record under the guard: the last sequence of the whole job that was read, 0 when it has nothing. */
  write(run: Run, guard: number): Promise<WriteOutcome> {
    return this.#write({ kind: "run", run }, guard);
  }

  /** Writes what is said of a job as a whole, under the same guard. */
  writeDefinition(definition: JobDefinition, guard: number): Promise<WriteOutcome> {
    return this.#write({ kind: "definition", definition }, guard);
  }

  /** Replaces a finished run's record by a marker that goes by itself, under the guard. */
  remove(run: Run, guard: number): Promise<WriteOutcome> {
    return this.#write({ kind: "marker", run }, guard);
  }

  /** Replaces what is said of a job by a marker that goes by itself, under the guard. */
  removeDefinition(job: string, guard: number): Promise<WriteOutcome> {
    return this.#write({ kind: "definition-marker", job }, guard);
  }

  async #write(record: JobRecord, guard: number): Promise<WriteOutcome> {
    const { job, subject } = entryOf(record, 0);
    const bytes = bytesOf(record);
    const write: GuardedWrite = { job, subject, guardSubject: subjects.jobs.guard(job), guard, bytes };
    if (record.kind === "marker" || record.kind === "definition-marker")
      return this.#commit.write({ ...write, headers: markerHeaders(MARKER_TTL_SECONDS) });
    const own = { record, bytes };
    this.#underWay.set(subject, own);
    const outcome = await this.#commit.write(write);
    if (this.#underWay.get(subject) === own) this.#underWay.delete(subject);
    return outcome;
  }

  /** Writes what holds for all jobs, over the settings of sequence `previous` (0: none). */
  writeSettings(settings: Settings, previous: number): Promise<WriteOutcome> {
    const expect = { lastSubjectSequence: previous };
    return outcomeOf(this.#link.js.publish(subjects.jobs.settings, JSON.stringify(settings), { expect }));
  }

  /** Reads all of a job from the leader. */
  async read(job: string): Promise<JobSnapshot> {
    const { state } = await this.#link.jsm.streams.info(STREAMS.jobs);
    return { asOf: state.last_seq, entries: await this.readAfter(job, 0) };
  }

  /** Reads from the leader what of a job was stored after this sequence, in order: a request for each record or marker. */
  async readAfter(job: string, after: number): Promise<readonly JobEntry[]> {
    const entries: JobEntry[] = [];
    for (let from = after + 1; ;) {
      // A record that is replaced during the walk moves to the end, and is met there.
      const query = { seq: from, next_by_subj: subjects.jobs.guard(job) }; // the client's types lack what the server takes
      const message = await this.#link.jsm.streams.getMessage(STREAMS.jobs, query);
      if (message === null) return entries;
      const { subject, seq: sequence, header, data: bytes } = message; // its fields are getters: spreading it gives none
      const entry = toEntry({ subject, sequence, headers: header, bytes });
      if (entry !== undefined) entries.push(entry);
      from = sequence + 1;
    }
  }

  /** Writes this server's mark, which comes back through the watch once everything before it did. */
  async mark(server: string, mark: string): Promise<void> {
    await this.#link.js.publish(subjects.jobs.mark(server), mark, { ttl: "60s" });
  }

  #findOwn({ subject, bytes, sequence }: Pick<StreamMessage, "subject" | "bytes" | "sequence">): JobEntry | undefined {
    const own = this.#underWay.get(subject);
    return own !== undefined && Buffer.compare(own.bytes, bytes) === 0 ? entryOf(own.record, sequence) : undefined;
  }

  watch(listener: JobsListener): StreamWatch {
    return watchStream(this.#link, {
      stream: STREAMS.jobs,
      filter: subjects.jobs.all,
      onMessage: (message) => {
        const own = this.#findOwn(message);
        if (own !== undefined) {
          if (!listener.isKnown(own.job, own.subject, own.sequence)) listener.onEntry(own);
          return;
        }
        const named = parseJobsSubject(message.subject);
        if (named?.kind === "mark") return listener.onMark(named.server, DECODER.decode(message.bytes));
        if (named?.kind === "settings")
          return listener.onSettings(Settings.parse(JSON.parse(DECODER.decode(message.bytes))), message.sequence);
        if (named !== undefined && listener.isKnown(named.job, message.subject, message.sequence)) return;
        const entry = toEntry(message, named);
        if (entry !== undefined) listener.onEntry(entry);
      },
      onReady: () => listener.onReady(),
      onReset: () => listener.onReset(),
      onError: (error) => listener.onError(error),
    });
  }
}

function toEntry(
  message: Omit<StreamMessage, "ageMs">,
  named = parseJobsSubject(message.subject),
): JobEntry | undefined {
  if (named === undefined || named.kind === "mark" || named.kind === "settings") return undefined;
  const entry = { job: named.job, subject: message.subject, sequence: message.sequence };
  if (named.kind !== "definition" && named.kind !== "run") return { kind: "other", ...entry };
  if (isMarker(message.headers)) return { kind: "marker", ...entry };
  if (named.kind === "definition") {
    const definition = findParsed(JobDefinition, message.bytes);
    return definition === undefined ? { kind: "unreadable", ...entry } : { kind: "definition", definition, ...entry };
  }
  const run = findParsed(Run, message.bytes);
  return run === undefined ? { kind: "unreadable", ...entry } : { kind: "run", run, ...entry };
}

function bytesOf(record: JobRecord): Uint8Array {
  if (record.kind === "marker" || record.kind === "definition-marker") return new Uint8Array();
  return Buffer.from(JSON.stringify(record.kind === "definition" ? record.definition : record.run));
}

function findParsed<S extends z.ZodType>(schema: S, bytes: Uint8Array): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(DECODER.decode(bytes))).data;
  } catch {
    return undefined; // not even JSON
  }
}
