/**
 * Tells hosts to forget attempts that the store has all of, and tidies up after them. A beat lists what a host still
 * holds; what of that is in HISTORY is released, again with each beat until the host lists it no more.
 */
import { hasEnded, isOverOnHost, type Beat, type Evidence } from "@jobs/core";
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
  readonly epoch: () => string;
  readonly log: Logger;
}

/** For a script that should have ended long ago, milliseconds. */
const GRACE_MS = 10_000;

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
      this.#releaseInTime({ agent, run, attempt: number });
  }

  onBeat(agent: string, beat: Beat): void {
    const held = new Set(beat.held.map(({ run, attempt }) => keyOf({ agent, run, attempt })));
    for (const { job, run, attempt, isOver } of beat.held) {
      if (isOver !== true && this.#isEnded(agent, run, attempt)) this.#end(job, { agent, run, attempt });
      else if (this.#isSettled(agent, run, attempt)) this.#releaseInTime({ agent, run, attempt });
    }
    for (const [key, address] of this.#released) {
      if (address.agent === agent && !held.has(key)) void this.#tidy(key, address);
    }
  }

  /** True when the evidence is of a run that is in HISTORY: once no beat lists the attempt any more, what is left of it goes. */
  onEvidence(agent: string, { run, attempt }: Evidence): boolean {
    if (!this.#options.history.has(run)) return false;
    this.#released.set(keyOf({ agent, run, attempt }), { agent, run, attempt });
    return true;
  }

  /** True when HISTORY has the run, or the run lives on with a later attempt. */
  #isSettled(agent: string, run: string, attempt: number): boolean {
    if (this.#options.history.has(run)) return true;
    const live = this.#options.jobs.find(run)?.run;
    const own = live?.attempts.findLast((one) => one.agent === agent && one.number === attempt);
    return own?.refusal !== undefined;
  }

  /** True when its end was decided without the host, which runs it all the same. */
  #isEnded(agent: string, run: string, attempt: number): boolean {
    const { history, jobs } = this.#options;
    const isIt = (one: { readonly agent: string; readonly number: number }): boolean =>
      one.agent === agent && one.number === attempt;
    const finished = history.find(run)?.attempts.find(isIt);
    if (finished !== undefined) return !finished.isOver;
    const live = jobs.find(run)?.run;
    const own = live?.attempts.find(isIt);
    if (live === undefined || own === undefined || isOverOnHost(own)) return false;
    return hasEnded(live) ? own.exit === undefined : own.lost?.retried === true;
  }

  #end(job: string, { agent, run, attempt }: AttemptAddress): void {
    this.#options.log.warn({ agent, run, attempt }, "a host still runs an attempt whose end was decided without it");
    const fence = { epoch: this.#options.epoch(), sequence: 0 }; // none that would keep a later one from starting
    this.#options.inbox
      .put(agent, { v: 1, kind: "cancel", job, run, attempt, fence, graceMs: GRACE_MS })
      .catch((error: unknown) => {
        this.#options.log.debug({ err: error, run }, "a cancel was not stored; the next beat asks for it again");
      });
  }

  /** Tells a host to forget an attempt. Throws when that was not stored. */
  async release(address: AttemptAddress): Promise<void> {
    this.#released.set(keyOf(address), address);
    const { agent, run, attempt } = address;
    await this.#options.inbox.put(agent, { v: 1, kind: "release", run, attempt });
  }

  #releaseInTime(address: AttemptAddress): void {
    this.release(address).catch((error: unknown) => {
      const { run } = address;
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
