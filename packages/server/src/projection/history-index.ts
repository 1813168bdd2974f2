/** An index of HISTORY in memory, for lists and look-ups by id. The records themselves stay in HISTORY. */
import { RunState, type Forgotten, type KeptFor, type Run } from "@jobs/core";
import { isPastRetention, isPromised } from "@jobs/core/decide";
import { unreadableRun } from "@jobs/core/jetstream";
import { candidatesOf } from "./candidate-rows.ts";
import { Durations } from "./durations.ts";
import { Endings, type Ending, type EndingCount } from "./endings.ts";
import { Erasures, type ErasedRun, type Erasure } from "./erasures.ts";
import { finishedAttempt, type FinishedAttempt } from "./finished-attempt.ts";
import { HistoryRows, type Place, type Row } from "./history-rows.ts";
import { Parts } from "./parts.ts";
import type { RunSelection } from "./run-matches.ts";
import { selectRows } from "./select-rows.ts";

export interface FinishedRun {
  readonly job: string;
  readonly state: RunState;
  /** The attempts that hosts may still hold, until they were told to forget them. */
  readonly attempts: readonly FinishedAttempt[];
}

/** A run that is to go, and how it had ended. */
export interface FinishedEnd extends Ending {
  readonly job: string;
  readonly run: string;
  readonly endedAtMs: number;
}

export interface RetentionRule {
  readonly keptFor: (job: string) => KeptFor;
  /** A live run needs it. */
  readonly isNeeded: (run: string, job: string) => boolean;
  readonly nowMs: number;
}

/** What HISTORY says of those that were removed, and the sequence at which it does; 0: it says nothing. */
interface Said {
  readonly forgotten: Forgotten;
  readonly sequence: number;
}

const NOTHING_SAID: Said = { forgotten: { v: 1, endings: [], removing: [] }, sequence: 0 };

/** A run of a list, before its record is read. */
export interface ListedRun extends Place {
  readonly job: string;
  readonly state: RunState;
}

export class HistoryIndex {
  readonly durations = new Durations();
  #rows = new HistoryRows();
  /** The attempts of runs that had not exactly one whose host knows its end. */
  readonly #attempts = new Map<string, readonly FinishedAttempt[]>();
  /** The jobs of runs whose records this version cannot read, by run. */
  readonly #unreadable = new Map<string, string>();
  readonly #parts = new Parts();
  readonly #erasures = new Erasures();
  readonly #endings = new Endings();
  /** Those that were counted, and were not in HISTORY any more when it was read anew: of jobs whose history was deleted. */
  readonly #goneEndings = new Endings();
  /** While HISTORY is read anew: all that were counted before. */
  readonly #endingsBefore = new Endings();
  readonly #onErased: (runs: readonly ErasedRun[]) => void;
  #said = NOTHING_SAID;

  /** `onErased`: runs were forgotten because the history of their job was deleted. */
  constructor(onErased: (runs: readonly ErasedRun[]) => void = () => undefined) {
    this.#onErased = onErased;
  }

  /**
   * A record in HISTORY does not change: one that is known is as it was. A later one with its id took the place of the marker
   * that had removed it. `sequence`: of the record.
   */
  add(run: Run, sequence: number): void {
    const known = this.#rows.rowOf(run.run);
    const isKnown = known !== 0 && (this.#rows.sequences[known] ?? 0) >= sequence;
    if (isKnown || this.#erasures.isDeleted(run.job, sequence)) return;
    this.remove(run.run);
    this.#endings.add(run, 1);
    this.#rows.add(run, sequence);
    this.durations.note(run);
    const attempts = run.attempts.map((one) => finishedAttempt(run, one));
    const isUsual = attempts.length === 1 && attempts[0]?.number === 1 && attempts[0].isOver;
    if (!isUsual) this.#attempts.set(run.run, attempts);
    if (run.partOf !== undefined) this.#parts.add(run.partOf, run.run);
  }

  /** It is in HISTORY no more. */
  remove(run: string): void {
    const row = this.#rows.rowOf(run);
    if (row === 0) return;
    this.#endings.add(this.#endOf(row), -1);
    this.#forget(row);
  }

  #forget(row: Row): void {
    const run = this.#rows.ids[row] ?? "";
    const { name } = this.#rows.jobOf(row);
    this.#rows.remove(row);
    if (this.#rows.job(name) === undefined) this.durations.forget(name);
    this.#attempts.delete(run);
    this.#parts.remove(run);
  }

  /** The runs of the job whose records are older than this are forgotten; known until {@link erased}. */
  erase(job: string, sequence: number): void {
    this.#erasures.begin(job, sequence, () => {
      const unreadable = [...this.#unreadable].filter(([, of]) => of === job);
      for (const [run] of unreadable) this.#unreadable.delete(run);
      return [...unreadable.map(([run]) => ({ run, attempts: [] })), ...this.#forgetAll(job, sequence)];
    });
  }

  /** The same, and nothing of them is in HISTORY any more. */
  erased(job: string, sequence: number): void {
    this.#forgetAll(job, sequence);
    this.#erasures.end(job, sequence);
  }

  /** Where the job's history was last deleted: a sequence of HISTORY; 0: never. */
  erasedAt(job: string): number {
    return this.#erasures.at(job);
  }

  erasures(): Iterable<[string, Erasure]> {
    return this.#erasures.underWay();
  }

  /** True while deleted runs of the job are in HISTORY. */
  isErasing(job: string): boolean {
    return this.#erasures.isUnderWay(job);
  }

  /** True while there is a finished run of the job that is not deleted. */
  hasAny(job: string): boolean {
    return this.#rows.job(job) !== undefined || [...this.#unreadable.values()].includes(job);
  }

  /** How they have ended stays counted. */
  #forgetAll(job: string, sequence: number): readonly ErasedRun[] {
    const rows = [...this.#rows.rowsOf(job)].filter((row) => (this.#rows.sequences[row] ?? 0) < sequence);
    const removing = new Set(this.removing().map(({ run }) => run));
    const forgotten = rows.map((row) => {
      const run = this.#rows.ids[row] ?? "";
      const attempts = this.#attemptsOf(row);
      if (removing.has(run)) this.remove(run); // counted among those that were removed
      else this.#forget(row);
      return { run, attempts };
    });
    this.#onErased(forgotten);
    return forgotten;
  }

  /** There is such a run, but this version cannot read its record. */
  addUnreadable(job: string, run: string): void {
    this.#unreadable.set(run, job);
  }

  /** Throws `store-unavailable` when there is such a run and this version cannot read its record: it is not one that never was. */
  assertReadable(run: string): void {
    const job = this.#unreadable.get(run);
    if (job !== undefined) throw unreadableRun(job, run);
  }

  hasUnreadable(): boolean {
    return this.#unreadable.size > 0;
  }

  /** Of the payloads of all finished runs, see {@link payloadMark}. */
  payloadMarks(): Float64Array {
    return this.#rows.payloads;
  }

  reset(): void {
    this.#endingsBefore.addLost(this.#allEndings(), this.#endingsBefore);
    this.#rows = new HistoryRows();
    this.durations.clear();
    this.#attempts.clear();
    this.#unreadable.clear();
    this.#parts.clear();
    this.#erasures.reset();
    this.#endings.clear();
    this.#said = NOTHING_SAID;
  }

  /** All that was in HISTORY when it was begun to be read has been told. */
  onReady(): void {
    this.#erasures.onReady();
    this.#goneEndings.addLost(this.#endingsBefore, this.#allEndings());
    this.#endingsBefore.clear();
  }

  /** How all runs have ended that ever were in HISTORY, also those that were removed. */
  endings(): Iterable<EndingCount> {
    return this.#allEndings().counts();
  }

  #allEndings(): Endings {
    const all = new Endings(this.#endings.counts());
    for (const one of this.#goneEndings.counts()) all.add(one, one.count);
    for (const one of this.#said.forgotten.endings) all.add(one, one.count);
    for (const { run } of this.removing()) all.add(this.#endOf(this.#rows.rowOf(run)), -1);
    return all;
  }

  get said(): Said {
    return this.#said;
  }

  /** Those that were named to be removed and are there all the same. */
  removing(): Forgotten["removing"] {
    const isThere = (run: string, endedAtMs: number): boolean =>
      this.has(run) && this.#rows.endedAtMs[this.#rows.rowOf(run)] === endedAtMs;
    return this.#said.forgotten.removing.filter(({ run, endedAtMs }) => isThere(run, endedAtMs));
  }

  /** What was removed, and is being removed, as HISTORY says. */
  onForgotten(forgotten: Forgotten, sequence: number): void {
    if (sequence > this.#said.sequence) this.#said = { forgotten, sequence };
  }

  /** Runs that are to go, the oldest of each job first; a run for several hosts goes with its parts, after them. */
  *pastRetention({ keptFor, isNeeded, nowMs }: RetentionRule): Generator<FinishedEnd> {
    const rows = this.#rows;
    for (const job of rows.jobs()) {
      const kept = keptFor(job.name);
      let newer = job.count - job.parts;
      for (const row of rows.rowsOf(job.name)) {
        if (rows.isPart[row] === 1) continue;
        newer--;
        const facts = { endedAtMs: rows.endedAtMs[row] ?? 0, isOfSlot: rows.ofSlot[row] === 1, newer };
        if (!isPastRetention(facts, kept, nowMs)) break; // those that came later are newer, too
        if (isPromised(facts, nowMs)) continue;
        const all = [...this.#parts.of(rows.ids[row] ?? "").map((part) => rows.rowOf(part)), row];
        const isFree = all.every((one) => !this.#mayRun(one) && !isNeeded(rows.ids[one] ?? "", job.name));
        if (isFree) yield* all.map((one) => this.#finishedEnd(one));
      }
    }
  }

  #mayRun(row: Row): boolean {
    return this.#attempts.get(this.#rows.ids[row] ?? "")?.some(({ isOver }) => !isOver) === true;
  }

  #finishedEnd(row: Row): FinishedEnd {
    const rows = this.#rows;
    const run = rows.ids[row] ?? "";
    return { job: rows.jobOf(row).name, run, endedAtMs: rows.endedAtMs[row] ?? 0, ...this.#endOf(row) };
  }

  #endOf(row: Row): Ending {
    return { state: this.#rows.stateOf(row), reason: this.#rows.reasonOf(row) };
  }

  has(run: string): boolean {
    return this.#rows.rowOf(run) !== 0;
  }

  find(run: string): FinishedRun | undefined {
    const rows = this.#rows;
    const row = rows.rowOf(run);
    if (row === 0) return undefined;
    return { job: rows.jobOf(row).name, state: rows.stateOf(row), attempts: this.#attemptsOf(row) };
  }

  #attemptsOf(row: Row): readonly FinishedAttempt[] {
    const { ids, agents, agentIds } = this.#rows;
    const known = this.#attempts.get(ids[row] ?? "");
    return known ?? [{ agent: agents.textOf(agentIds[row] ?? 0), number: 1, isOver: true, lostAfterMs: null }];
  }

  /** The newest ones that the filter lets through, of those that are older than `after`. */
  list(filter: RunSelection, { limit, after }: { limit: number; after?: Place | undefined }): ListedRun[] {
    const listed: ListedRun[] = [];
    const rows = this.#rows;
    const candidates = candidatesOf(rows, filter);
    selectRows(rows, { candidates, filter, after }, (row) => {
      listed.push({ ...rows.placeOf(row), job: rows.jobOf(row).name, state: rows.stateOf(row) });
      return listed.length < limit;
    });
    return listed;
  }

  /** How many in each state the filter lets through, handed to `count`. */
  count(filter: RunSelection, count: (state: RunState, runs: number) => void): void {
    const rows = this.#rows;
    const found = new Uint32Array(RunState.options.length + 1);
    const { states } = rows;
    selectRows(rows, { candidates: candidatesOf(rows, filter), filter }, (row) => {
      const state = states[row] ?? 0;
      found[state] = (found[state] ?? 0) + 1;
      return true;
    });
    for (const [index, state] of RunState.options.entries()) count(state, found[index + 1] ?? 0);
  }
}
