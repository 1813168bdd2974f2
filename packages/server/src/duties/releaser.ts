/**
 * Tells hosts to forget attempts that the store has all of, and tidies up after them. A beat lists what a host still
 * holds; what of that is in HISTORY is released, again with each beat until the host lists it no more.
 */
import type { Beat, Evidence } from "@jobs/core";
import type { AttemptAddress, EvidenceStore, InboxStore, LogStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { HistoryIndex } from "../projection/history-index.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";

export interface ReleaserOptions {
  readonly inbox: InboxStore;
  readonly evidence: EvidenceStore;
  readonly logs: LogStore;
  readonly history: HistoryIndex;
  readonly jobs: JobsProjection;
  readonly log: Logger;
}

export class Releaser {
  readonly #options: ReleaserOptions;
  /** Released, and listed by the host when it last beat: key `<agent> <run> <attempt>`. */
  readonly #released = new Map<string, AttemptAddress>();

  constructor(options: ReleaserOptions) {
    this.#options = options;
  }

  /** Releases the attempts of a run that has just come into HISTORY; sooner than the next beat would. */
  onFinished(run: string): void {
    for (const { agent, number } of this.#options.history.find(run)?.attempts ?? [])
      this.#release({ agent, run, attempt: number });
  }

  onBeat(agent: string, beat: Beat): void {
    const held = new Set(beat.held.map(({ run, attempt }) => keyOf({ agent, run, attempt })));
    for (const { run, attempt } of beat.held) {
      if (this.#isSettled(agent, run, attempt)) this.#release({ agent, run, attempt });
    }
    for (const [key, address] of this.#released) {
      if (address.agent === agent && !held.has(key)) void this.#tidy(key, address);
    }
  }

  /** True when the evidence is of a run that is in HISTORY: once no beat lists the attempt any more, what is left of it goes. */
  onEvidence(agent: string, { run, attempt }: Evidence): boolean {
    if (this.#options.history.find(run) === undefined) return false;
    this.#released.set(keyOf({ agent, run, attempt }), { agent, run, attempt });
    return true;
  }

  /** True when HISTORY has the run, or the run lives on with a later attempt. */
  #isSettled(agent: string, run: string, attempt: number): boolean {
    if (this.#options.history.find(run) !== undefined) return true;
    const live = this.#options.jobs.find(run)?.run;
    const own = live?.attempts.findLast((one) => one.agent === agent && one.number === attempt);
    return own?.refusal !== undefined;
  }

  #release(address: AttemptAddress): void {
    this.#released.set(keyOf(address), address);
    const { agent, run, attempt } = address;
    this.#options.inbox.put(agent, { v: 1, kind: "release", run, attempt }).catch((error: unknown) => {
      this.#options.log.debug({ err: error, run }, "a release was not stored; the next beat asks for it again");
    });
  }

  /** Forgets the attempt only when all of it is gone; else the next beat tries it again. */
  async #tidy(key: string, address: AttemptAddress): Promise<void> {
    const { inbox, evidence, logs, log } = this.#options;
    try {
      await Promise.all([inbox.clear(address), evidence.clear(address), logs.clear(address)]);
      this.#released.delete(key);
    } catch (error) {
      log.debug({ err: error, ...address }, "tidying up failed; the next beat tries it again");
    }
  }
}

function keyOf({ agent, run, attempt }: AttemptAddress): string {
  return `${agent} ${run} ${attempt}`;
}
