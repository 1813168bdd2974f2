import { join } from "node:path";
import { findLicenceRefusal, findRefusal, type AdmissionView } from "./admission.ts";
import { removeOrphanFolders } from "./attempt-folder.ts";
import { attemptName, type AttemptRecord, type JournalRecord } from "./attempt-record.ts";
import { Attempt, type AttemptHost } from "./attempt.ts";
import { bootClockMs } from "./boot-clock.ts";
import { contactLimitMsOf } from "./deadline.ts";
import { searchPathOf } from "./environment.ts";
import { FenceTable } from "./fence-table.ts";
import { Journal } from "./journal.ts";
import type { AttemptKey, AttemptSpec, AttemptStatus, EndCause, Fence, Refusal } from "./protocol.ts";

export interface AttemptTableOptions extends Omit<AttemptHost, "journal"> {
  /** Session of the agent that is connected now. */
  readonly findSession: () => string | undefined;
  readonly isStopping: () => boolean;
}

type SeenAttempt = AttemptKey & Required<Pick<AttemptStatus, "fence" | "contactLimitMs">>;

/**
 * Every attempt that this host has seen and that was not released, and the highest fence of each job for ever: what
 * the journal says, in memory.
 */
export class AttemptTable {
  readonly #options: AttemptTableOptions;
  readonly #attempts = new Map<string, Attempt>();
  readonly #fences = new FenceTable();
  #journal!: Journal;
  #host!: AttemptHost;

  private constructor(options: AttemptTableOptions) {
    this.#options = options;
  }

  /** Reads the journal and ends what a supervisor that is gone has left: an attempt never goes on without one. */
  static async open(options: AttemptTableOptions): Promise<AttemptTable> {
    const table = new AttemptTable(options);
    const path = join(options.stateDir, "journal");
    const { journal, records, corruptCount } = await Journal.open({ path, snapshot: () => table.#snapshot() });
    table.#journal = journal;
    table.#host = { ...options, journal };
    table.#load(records);
    if (corruptCount > 0)
      options.log(`set ${corruptCount} damaged or unknown lines of the journal aside in ${path}.corrupt`);
    else await removeOrphanFolders(options.stateDir, { knownNames: new Set(table.#attempts.keys()), log: options.log });
    await journal.compactIfLarge();
    // A full disk keeps the journal from it, not the agent: what that is told, and releases, makes room.
    const left = table.all().filter((attempt) => !attempt.isOver());
    await Promise.all(left.map((attempt) => Promise.race([attempt.recover(), attempt.ended])));
    return table;
  }

  all(): readonly Attempt[] {
    return [...this.#attempts.values()];
  }

  hasLive(): boolean {
    return this.all().some((attempt) => !attempt.isOver());
  }

  /** @returns the attempt when it runs now; undefined when it does not, for whatever reason: its status says it */
  async start(spec: AttemptSpec): Promise<Attempt | undefined> {
    if (this.#repeat(spec)) return undefined;
    const refusal = findRefusal(spec, this.#view(spec));
    const attempt = this.#add({ ...spec, contactLimitMs: contactLimitMsOf(spec) }, spec.allowsOverlap);
    if (refusal !== undefined) await attempt.refuse(refusal);
    else await attempt.carryOut(spec, () => findLicenceRefusal(spec.licence, this.#view(spec)));
    return attempt.isOver() ? undefined : attempt;
  }

  async refuse(key: AttemptKey, fence: Fence, refusal: Refusal): Promise<void> {
    if (!this.#repeat(key)) await this.#add({ ...key, fence, contactLimitMs: null }, false).refuse(refusal);
  }

  async cancel(key: AttemptKey, fence: Fence, graceMs: number): Promise<void> {
    const attempt = this.#attempts.get(attemptName(key.run, key.attempt));
    if (attempt === undefined) {
      await this.refuse(key, fence, { code: "cancelled", message: "it was cancelled before it came" });
    } else if (attempt.isOver()) {
      this.#repeat(key);
    } else {
      await attempt.end("cancelled", graceMs);
    }
  }

  /** Forgets an attempt that is over; its fence stays. */
  async release(run: string, attemptNumber: number): Promise<void> {
    const name = attemptName(run, attemptNumber);
    const attempt = this.#attempts.get(name);
    if (attempt === undefined || !attempt.isOver()) return;
    this.#attempts.delete(name);
    try {
      await this.#journal.append({ kind: "released", run, attempt: attemptNumber });
    } finally {
      // Also when the disk is full: nothing else makes room. A later start tells of it again, and it is released again.
      await attempt.release();
    }
  }

  async endAll(cause: EndCause, graceMs: number): Promise<void> {
    await Promise.all(
      this.all().map(async (attempt) => {
        void attempt.end(cause, graceMs);
        await attempt.ended;
      }),
    );
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  /** Answers for an attempt that was seen before. One whose first record is not on the disk yet answers by itself. */
  #repeat({ run, attempt }: { readonly run: string; readonly attempt: number }): boolean {
    const seen = this.#attempts.get(attemptName(run, attempt));
    if (seen?.status !== undefined) this.#options.onStatus(seen.status);
    return seen !== undefined;
  }

  #add(seen: SeenAttempt, allowsOverlap: boolean): Attempt {
    const { job, run, attempt, fence, contactLimitMs } = seen;
    const begun = { revision: 1, phase: "accepted", log: { lengthBytes: 0 } } as const;
    const status: AttemptStatus = { job, run, attempt, fence, contactLimitMs, ...begun };
    const added = new Attempt(this.#host, { status, allowsOverlap, bootId: this.#options.bootId });
    this.#attempts.set(added.name, added);
    // Refused ones count, too: once released, nothing else would know a late repetition of their start.
    this.#fences.raise(job, fence);
    return added;
  }

  #view(spec: AttemptSpec): AdmissionView {
    return {
      session: this.#options.findSession(),
      nowBootMs: bootClockMs(),
      isStopping: this.#options.isStopping(),
      fences: this.#fences,
      attempts: this.#attempts.values(),
      searchPath: searchPathOf(spec.env, this.#options.environment()),
    };
  }

  #load(records: readonly JournalRecord[]): void {
    const latest = new Map<string, AttemptRecord>();
    for (const entry of records) {
      if (entry.kind === "attempt") {
        const { job, run, attempt, fence } = entry.record.status;
        latest.set(attemptName(run, attempt), entry.record);
        this.#fences.raise(job, fence);
      } else if (entry.kind === "released") latest.delete(attemptName(entry.run, entry.attempt));
      else if (entry.kind === "epoch") this.#fences.addEpoch(entry.epoch);
      else this.#fences.raise(entry.job, entry.fence);
    }
    for (const [name, record] of latest) {
      this.#attempts.set(name, new Attempt(this.#host, record, { wasJournaled: true }));
    }
  }

  #snapshot(): readonly JournalRecord[] {
    return [
      ...this.#fences.epochs().map((epoch) => ({ kind: "epoch", epoch }) as const),
      ...this.#fences.entries().map(([job, fence]) => ({ kind: "fence", job, fence }) as const),
      ...this.all().map(({ record }) => ({ kind: "attempt", record }) as const),
    ];
  }
}
