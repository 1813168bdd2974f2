/**
 * Finished runs as columns of numbers, a row a run: some 200 bytes each with its id, so that a million of them fit into memory and are
 * looked through in some milliseconds. A row that was removed is free again once the order was made anew.
 *
 * Two orders are kept: of all rows by submission, and of the rows of one job as they came into HISTORY.
 */
import { Reason, RunState, type Run } from "@jobs/core";
import { Names } from "./names.ts";
import { payloadMark } from "./payload-mark.ts";
import { hostsThatHad } from "./run-matches.ts";

/** A row's number, from 1; 0: none. */
export type Row = number;

/** The runs of one job. */
export interface JobRows {
  readonly name: string;
  /** From 1; that of a job with no runs left is given to another one. */
  readonly number: number;
  count: number;
  /** How many of them are parts of others. */
  parts: number;
  /** As they came into HISTORY. */
  oldest: Row;
  newest: Row;
}

/** A place in the order of all runs: after the older ones, before the newer ones. */
export interface Place {
  readonly submittedAtMs: number;
  readonly run: string;
}

const FIRST_CAPACITY = 1_024;
/** The state of a row that was removed. */
const REMOVED = 0;
/** So many removed rows, or this part of all, are left in the order. */
const REMOVED_MAX = 1_000;
const REMOVED_PART = 1 / 8;

export class HistoryRows {
  readonly agents = new Names();
  readonly submitters = new Names();
  readonly #rowOf = new Map<string, Row>();
  readonly #jobs = new Map<string, JobRows>();
  readonly #jobOf: (JobRows | undefined)[] = [undefined];
  readonly #freeNumbers: number[] = [];
  readonly #free: Row[] = [];
  #length = 1;
  #removed = 0;

  readonly ids: string[] = [""];
  /** The numbers of their jobs. */
  jobNumbers = new Uint32Array(FIRST_CAPACITY);
  submittedAtMs = new Float64Array(FIRST_CAPACITY);
  /** From then on it is kept for as long as it is. */
  endedAtMs = new Float64Array(FIRST_CAPACITY);
  /** 1 + the place in `RunState.options`. */
  states = new Uint8Array(FIRST_CAPACITY);
  /** 1 + the place in `Reason.options`; 0: none. */
  reasons = new Uint8Array(FIRST_CAPACITY);
  /** Of the host that had it first, or may have it; of none: an empty text. */
  agentNames = new Uint32Array(FIRST_CAPACITY);
  agentIds = new Uint32Array(FIRST_CAPACITY);
  submittedBy = new Uint32Array(FIRST_CAPACITY);
  /** The numbers of the other hosts that had it, their names and ids: few runs go to several. */
  readonly otherAgents = new Map<Row, readonly number[]>();
  /** 1: there are such. */
  hasOtherAgents = new Uint8Array(FIRST_CAPACITY);
  /** Of its record in HISTORY. */
  sequences = new Float64Array(FIRST_CAPACITY);
  /** 1: it is the part of another run on one host. */
  isPart = new Uint8Array(FIRST_CAPACITY);
  /** 1: it stands for a slot of a schedule. */
  ofSlot = new Uint8Array(FIRST_CAPACITY);
  /** The marks of their payloads. */
  payloads = new Float64Array(FIRST_CAPACITY);
  #older = new Uint32Array(FIRST_CAPACITY);
  #newer = new Uint32Array(FIRST_CAPACITY);
  /** Rows, the oldest submission first; those from `#sorted` on as they came. */
  #order = new Uint32Array(FIRST_CAPACITY);
  #ordered = 0;
  #sorted = 0;

  get size(): number {
    return this.#rowOf.size;
  }

  rowOf(run: string): Row {
    return this.#rowOf.get(run) ?? 0;
  }

  job(name: string): JobRows | undefined {
    return this.#jobs.get(name);
  }

  jobs(): Iterable<JobRows> {
    return this.#jobs.values();
  }

  jobOf(row: Row): JobRows {
    return this.#jobOf[this.jobNumbers[row] ?? 0] as JobRows;
  }

  jobNumbered(number: number): JobRows | undefined {
    return this.#jobOf[number];
  }

  /** Above all numbers of jobs. */
  get jobNumberEnd(): number {
    return this.#jobOf.length;
  }

  /** Those of a job as they came into HISTORY. */
  *rowsOf(job: string): Generator<Row> {
    for (let row = this.#jobs.get(job)?.oldest ?? 0; row !== 0; row = this.newerOf(row)) yield row;
  }

  /** The run of the same job that came into HISTORY before this one; 0: none. */
  olderOf(row: Row): Row {
    return this.#older[row] ?? 0;
  }

  newerOf(row: Row): Row {
    return this.#newer[row] ?? 0;
  }

  stateOf(row: Row): RunState {
    return RunState.options[(this.states[row] ?? 0) - 1] as RunState;
  }

  reasonOf(row: Row): Reason | undefined {
    return Reason.options[(this.reasons[row] ?? 0) - 1];
  }

  placeOf(row: Row): Place {
    return { submittedAtMs: this.submittedAtMs[row] ?? 0, run: this.ids[row] ?? "" };
  }

  /** Adds a run that is not there yet. */
  add(record: Run, sequence: number): Row {
    const { run, job, state, reason, submittedBy, slot, partOf, payload, times } = record;
    const row = this.#free.pop() ?? this.#length++;
    if (row >= this.states.length) this.#grow();
    this.ids[row] = run;
    this.submittedAtMs[row] = Date.parse(times.submittedAt);
    this.endedAtMs[row] = lastMs(record);
    this.states[row] = 1 + RunState.options.indexOf(state);
    this.reasons[row] = reason === undefined ? 0 : 1 + Reason.options.indexOf(reason);
    this.#noteHosts(row, record);
    this.sequences[row] = sequence;
    this.isPart[row] = partOf === undefined ? 0 : 1;
    this.submittedBy[row] = this.submitters.numberOf(submittedBy);
    this.ofSlot[row] = slot === undefined ? 0 : 1;
    this.payloads[row] = payloadMark(payload);
    this.#rowOf.set(run, row);
    this.#link(row, job);
    if (this.#ordered === this.#order.length) this.#order = grown(this.#order);
    this.#order[this.#ordered++] = row;
    return row;
  }

  #noteHosts(row: Row, run: Run): void {
    const [first, ...others] = hostsThatHad(run);
    this.agentIds[row] = this.agents.numberOf(first?.agent ?? "");
    this.agentNames[row] = this.agents.numberOf(first?.name ?? "");
    const further = others.filter(({ agent }) => agent !== first?.agent);
    const numbers = further.flatMap(({ agent, name }) => [this.agents.numberOf(agent), this.agents.numberOf(name)]);
    this.hasOtherAgents[row] = numbers.length > 0 ? 1 : 0;
    if (numbers.length > 0) this.otherAgents.set(row, numbers);
  }

  remove(row: Row): void {
    this.#rowOf.delete(this.ids[row] ?? "");
    this.otherAgents.delete(row);
    this.#unlink(row);
    this.states[row] = REMOVED;
    this.payloads[row] = 0;
    this.#removed++;
    if (this.#removed > REMOVED_MAX && this.#removed > this.#ordered * REMOVED_PART) this.#compact();
  }

  /** All rows, the oldest submission first; some may have been removed: their state is 0. */
  order(): Uint32Array {
    if (this.#sorted < this.#ordered) this.#sort();
    return this.#order.subarray(0, this.#ordered);
  }

  isBefore(row: Row, { submittedAtMs, run }: Place): boolean {
    const own = this.submittedAtMs[row] ?? 0;
    return own < submittedAtMs || (own === submittedAtMs && (this.ids[row] ?? "") < run);
  }

  compare(one: Row, other: Row): number {
    const difference = (this.submittedAtMs[one] ?? 0) - (this.submittedAtMs[other] ?? 0);
    if (difference !== 0) return difference;
    return (this.ids[one] ?? "") < (this.ids[other] ?? "") ? -1 : 1;
  }

  /** Merges what came since the last time, from the end on: most of it is newer than all that is there. */
  #sort(): void {
    const order = this.#order;
    const came = order.slice(this.#sorted, this.#ordered).sort((one, other) => this.compare(one, other));
    let last = this.#sorted - 1;
    let place = this.#ordered - 1;
    for (let next = came.length - 1; next >= 0; place--) {
      const row = came[next] as Row;
      const known = last < 0 ? 0 : (order[last] as Row);
      if (known !== 0 && this.compare(known, row) > 0) {
        order[place] = known;
        last--;
      } else {
        order[place] = row;
        next--;
      }
    }
    this.#sorted = this.#ordered;
  }

  /** Leaves the removed rows out of the order: only now may they be used again. */
  #compact(): void {
    const order = this.order();
    let kept = 0;
    for (const row of order) {
      if (this.states[row] === REMOVED) {
        this.ids[row] = "";
        this.#free.push(row);
      } else this.#order[kept++] = row;
    }
    this.#ordered = kept;
    this.#sorted = kept;
    this.#removed = 0;
  }

  #link(row: Row, name: string): void {
    const job = this.#jobs.get(name) ?? this.#addJob(name, row);
    this.jobNumbers[row] = job.number;
    this.#older[row] = job.newest;
    this.#newer[row] = 0;
    this.#newer[job.newest] = row;
    job.newest = row;
    job.count++;
    job.parts += this.isPart[row] ?? 0;
  }

  #unlink(row: Row): void {
    const job = this.jobOf(row);
    const [older, newer] = [this.olderOf(row), this.newerOf(row)];
    if (older === 0) job.oldest = newer;
    else this.#newer[older] = newer;
    if (newer === 0) job.newest = older;
    else this.#older[newer] = older;
    job.count--;
    job.parts -= this.isPart[row] ?? 0;
    if (job.count > 0) return;
    this.#jobs.delete(job.name);
    this.#jobOf[job.number] = undefined;
    this.#freeNumbers.push(job.number);
  }

  #addJob(name: string, oldest: Row): JobRows {
    const number = this.#freeNumbers.pop() ?? this.#jobOf.length;
    const job = { name, number, count: 0, parts: 0, oldest, newest: 0 };
    this.#jobOf[number] = job;
    this.#jobs.set(name, job);
    return job;
  }

  #grow(): void {
    this.submittedAtMs = grown(this.submittedAtMs);
    this.endedAtMs = grown(this.endedAtMs);
    this.states = grown(this.states);
    this.reasons = grown(this.reasons);
    this.jobNumbers = grown(this.jobNumbers);
    this.agentNames = grown(this.agentNames);
    this.agentIds = grown(this.agentIds);
    this.submittedBy = grown(this.submittedBy);
    this.hasOtherAgents = grown(this.hasOtherAgents);
    this.sequences = grown(this.sequences);
    this.isPart = grown(this.isPart);
    this.ofSlot = grown(this.ofSlot);
    this.payloads = grown(this.payloads);
    this.#older = grown(this.#older);
    this.#newer = grown(this.#newer);
  }
}

function grown<T extends Float64Array | Uint32Array | Uint8Array>(column: T): T {
  const next = new (column.constructor as new (length: number) => T)(column.length * 2);
  next.set(column);
  return next;
}

/** From when on a run is kept for as long as it is: its end; of a row of skipped slots the last of them. */
function lastMs({ times: { submittedAt, endedAt }, slot }: Run): number {
  const endedAtMs = Date.parse(endedAt ?? submittedAt);
  return slot?.until === undefined ? endedAtMs : Math.max(endedAtMs, Date.parse(slot.until));
}
