/** An index of HISTORY in memory, for lists and look-ups by id. */
import { isOverOnHost, viewOfRun, type Run, type RunView } from "@jobs/core";
import { unreadableRun } from "@jobs/core/jetstream";

export interface FinishedRun {
  readonly job: string;
  readonly view: RunView;
  /** The attempts that hosts may still hold, until they were told to forget them. */
  readonly attempts: readonly FinishedAttempt[];
  /** Of its record in HISTORY. */
  readonly sequence: number;
}

/** The history of a job up to a sequence is deleted, and not removed from HISTORY yet. */
export interface Erasure {
  readonly sequence: number;
  /** What it deleted: hosts may still hold something of it. */
  readonly runs: readonly FinishedRun[];
}

export interface FinishedAttempt {
  readonly agent: string;
  readonly number: number;
  /** Its host has said that nothing of it runs. */
  readonly isOver: boolean;
  readonly lostAfterMs: number | null;
  /** When its end was decided without its host, RFC 3339. */
  readonly endDecidedAt?: string | undefined;
}

/** What is to be known of an attempt of a run once the run has gone to HISTORY. */
export function finishedAttempt(
  { resolved }: Pick<Run, "resolved">,
  attempt: Run["attempts"][number],
): FinishedAttempt {
  const { agent, number, lostAfterMs, lost } = attempt;
  return { agent, number, isOver: isOverOnHost(attempt), lostAfterMs, endDecidedAt: lost?.at ?? resolved?.at };
}

/** How many runs have ended so. */
export interface EndingCount {
  readonly state: string;
  readonly reason: string;
  readonly count: number;
}

export class HistoryIndex {
  readonly #runs = new Map<string, FinishedRun>();
  /** The jobs of runs whose records this version cannot read, by run. */
  readonly #unreadable = new Map<string, string>();
  /** Counted as they come: there may be very many, and a scrape must not look at each. */
  readonly #endings = new Map<string, EndingCount>();

  #erasedAt = new Map<string, number>();
  /** While HISTORY is read anew: as it was before. A key must make the same run's id all the time. */
  #erasedAtBefore: ReadonlyMap<string, number> = new Map();
  readonly #erasures = new Map<string, Erasure>();

  add(run: Run, sequence: number): void {
    if (!this.#runs.has(run.run)) this.#count(run);
    const attempts = run.attempts.map((one) => finishedAttempt(run, one));
    this.#runs.set(run.run, {
      job: run.job,
      view: viewOfRun(run),
      attempts,
      sequence,
    });
  }

  /** The runs of the job whose records are older than this are forgotten; known until {@link erased}. */
  erase(job: string, sequence: number): void {
    const known = this.#erasures.get(job);
    this.#erasedAt.set(job, Math.max(sequence, this.erasedAt(job)));
    if ((known?.sequence ?? 0) >= sequence) return;
    for (const [run, of] of this.#unreadable) if (of === job) this.#unreadable.delete(run);
    this.#erasures.set(job, { sequence, runs: [...(known?.runs ?? []), ...this.#forget(job, sequence)] });
  }

  /** The same, and nothing of them is in HISTORY any more. */
  erased(job: string, sequence: number): void {
    this.#forget(job, sequence);
    this.#erasedAt.set(job, Math.max(sequence, this.erasedAt(job)));
    if ((this.#erasures.get(job)?.sequence ?? 0) <= sequence) this.#erasures.delete(job);
  }

  /** Where the job's history was last deleted: a sequence of HISTORY; 0: never. */
  erasedAt(job: string): number {
    return this.#erasedAt.get(job) ?? this.#erasedAtBefore.get(job) ?? 0;
  }

  erasures(): Iterable<[string, Erasure]> {
    return this.#erasures;
  }

  /** True while deleted runs of the job are in HISTORY. */
  isErasing(job: string): boolean {
    return this.#erasures.has(job);
  }

  #forget(job: string, sequence: number): readonly FinishedRun[] {
    const forgotten = [...this.#runs.values()].filter((one) => one.job === job && one.sequence < sequence);
    for (const { view } of forgotten) this.#runs.delete(view.run);
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

  reset(): void {
    this.#runs.clear();
    this.#unreadable.clear();
    this.#erasures.clear();
    this.#erasedAtBefore = this.#erasedAt;
    this.#erasedAt = new Map();
    this.#endings.clear();
  }

  /** All that was in HISTORY when it was begun to be read has been told. */
  onReady(): void {
    this.#erasedAtBefore = new Map();
  }

  endings(): Iterable<EndingCount> {
    return this.#endings.values();
  }

  find(run: string): FinishedRun | undefined {
    return this.#runs.get(run);
  }

  views(): Iterable<FinishedRun> {
    return this.#runs.values();
  }

  #count({ state, reason = "" }: { state: string; reason?: string | undefined }): void {
    const key = `${state} ${reason}`;
    this.#endings.set(key, { state, reason, count: (this.#endings.get(key)?.count ?? 0) + 1 });
  }
}
