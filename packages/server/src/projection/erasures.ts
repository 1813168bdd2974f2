/** The jobs whose history was deleted: where that was, and what is not removed from HISTORY yet. */
import type { FinishedAttempt } from "./finished-attempt.ts";

/** The history of a job up to a sequence is deleted, and not removed from HISTORY yet. */
export interface Erasure {
  readonly sequence: number;
  /** What it deleted: hosts may still hold something of it, and its files are there. */
  readonly runs: readonly ErasedRun[];
}

export interface ErasedRun {
  readonly run: string;
  readonly attempts: readonly FinishedAttempt[];
}

export class Erasures {
  #at = new Map<string, number>();
  /** While HISTORY is read anew: as it was before. A key must make the same run's id all the time. */
  #atBefore: ReadonlyMap<string, number> = new Map();
  readonly #underWay = new Map<string, Erasure>();

  /** `forget`: forgets what it deletes. */
  begin(job: string, sequence: number, forget: () => readonly ErasedRun[]): void {
    const known = this.#underWay.get(job);
    this.#note(job, sequence);
    if ((known?.sequence ?? 0) >= sequence) return;
    this.#underWay.set(job, { sequence, runs: [...(known?.runs ?? []), ...forget()] });
  }

  /** Nothing of what it deleted is in HISTORY any more. */
  end(job: string, sequence: number): void {
    this.#note(job, sequence);
    if ((this.#underWay.get(job)?.sequence ?? 0) <= sequence) this.#underWay.delete(job);
  }

  #note(job: string, sequence: number): void {
    this.#at.set(job, Math.max(sequence, this.at(job)));
  }

  /** Where the job's history was last deleted: a sequence of HISTORY; 0: never. */
  at(job: string): number {
    return this.#at.get(job) ?? this.#atBefore.get(job) ?? 0;
  }

  /** True for a record that is deleted, as far as HISTORY was read: when it is read anew, records come before what deletes them. */
  isDeleted(job: string, sequence: number): boolean {
    return sequence < (this.#at.get(job) ?? 0);
  }

  underWay(): Iterable<[string, Erasure]> {
    return this.#underWay;
  }

  isUnderWay(job: string): boolean {
    return this.#underWay.has(job);
  }

  reset(): void {
    this.#underWay.clear();
    this.#atBefore = this.#at;
    this.#at = new Map();
  }

  /** All that was in HISTORY when it was begun to be read has been told. */
  onReady(): void {
    this.#atBefore = new Map();
  }
}
