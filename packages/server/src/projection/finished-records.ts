/** The records of finished runs: they stay in HISTORY, the last ones that were used or came are kept at hand. */
import { JobsError, type Run } from "@jobs/core";

export interface FinishedRecordsOptions {
  /** Reads one from HISTORY. */
  readonly read: (job: string, run: string) => Promise<Run | undefined>;
}

/** So many are at hand; each may have some kilobytes. */
const AT_HAND = 1_000;

export class FinishedRecords {
  readonly #options: FinishedRecordsOptions;
  /** The one that was used last comes last. */
  readonly #atHand = new Map<string, Run>();

  constructor(options: FinishedRecordsOptions) {
    this.#options = options;
  }

  /** It came into HISTORY. */
  note(run: Run): void {
    this.#atHand.delete(run.run);
    this.#atHand.set(run.run, run);
    if (this.#atHand.size <= AT_HAND) return;
    for (const oldest of this.#atHand.keys()) {
      this.#atHand.delete(oldest);
      return;
    }
  }

  forget(run: string): void {
    this.#atHand.delete(run);
  }

  reset(): void {
    this.#atHand.clear();
  }

  /** Undefined when there is none; throws `store-unavailable` when that cannot be told. */
  async find(job: string, run: string): Promise<Run | undefined> {
    const known = this.#atHand.get(run) ?? (await this.#read(job, run));
    if (known !== undefined) this.note(known);
    return known;
  }

  async #read(job: string, run: string): Promise<Run | undefined> {
    try {
      return await this.#options.read(job, run);
    } catch (cause) {
      if (cause instanceof JobsError) throw cause;
      const message = "NATS does not answer, and the record of a finished run is there alone: try again.";
      throw new JobsError("store-unavailable", message, { cause });
    }
  }
}
