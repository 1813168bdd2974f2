/**
 * Removes finished runs that were kept for long enough, with what they left.
 *
 *   due ──named in HISTORY's `_forgotten`──► files removed ──► marker in the record's place ──► gone from every server's index
 *
 * What is named there goes first, also when another server has named it: each step may be done again.
 */
import type { Forgotten, KeptFor, Service } from "@jobs/core";
import { runPrefix, type ArtifactStore } from "@jobs/core/artifacts";
import type { HistoryStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { Endings } from "../projection/endings.ts";
import type { FinishedEnd, HistoryIndex } from "../projection/history-index.ts";
import { fewAtOnce } from "./few-at-once.ts";
import type { PayloadKeeper } from "./payload-keeper.ts";

export interface HistoryKeeperOptions {
  readonly history: Pick<HistoryStore, "remove" | "writeForgotten">;
  readonly finished: HistoryIndex;
  readonly artifacts: Pick<ArtifactStore, "removeAll">;
  /** What they were to do goes once nothing else is to do it. */
  readonly payloads: Pick<PayloadKeeper, "round">;
  readonly keptFor: (job: string) => KeptFor;
  /** A live run waits for it, or is it or a part of it. */
  readonly isNeeded: (run: string, job: string) => boolean;
  readonly assertMayDecide: () => void;
  readonly nowMs: () => number;
  readonly log: Logger;
}

const ROUND_MS = 60_000;
/** So many are named at once: they stand in one message. */
const AT_ONCE = 500;

export class HistoryKeeper implements Service {
  readonly #options: HistoryKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> | undefined;

  constructor(options: HistoryKeeperOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    this.#timer ??= setInterval(() => this.#begin(), ROUND_MS);
    this.#begin();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#underWay;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #begin(): void {
    this.#underWay ??= this.round()
      .then(() => this.#removePayloads())
      .catch((error: unknown) => this.#options.log.warn({ err: error }, "removing old runs failed; it is tried again"))
      .finally(() => (this.#underWay = undefined));
  }

  /** Removes all that are due. */
  async round(): Promise<void> {
    const { finished, assertMayDecide, log } = this.#options;
    for (let removed = 0; ;) {
      assertMayDecide();
      const named = finished.removing();
      const due = named.length > 0 ? named : await this.#name();
      if (due.length === 0) {
        if (removed > 0) log.info({ runs: removed }, "runs that were kept for long enough were removed");
        return;
      }
      await this.#remove(due);
      removed += due.length;
    }
  }

  async #removePayloads(): Promise<void> {
    const payloads = await this.#options.payloads.round();
    if (payloads > 0) this.#options.log.info({ payloads }, "payloads that nothing needs any more were removed");
  }

  /** Names the next ones that are to go; none when there are none, or when another server is at it. */
  async #name(): Promise<Forgotten["removing"]> {
    const { finished, history } = this.#options;
    const { forgotten, sequence } = finished.said;
    const due = this.#due();
    if (due.length === 0) return [];
    const endings = new Endings(forgotten.endings);
    for (const one of due) endings.add(one, 1);
    const next: Forgotten = {
      ...forgotten,
      endings: [...endings.counts()],
      removing: due.map(({ job, run, endedAtMs }) => ({ job, run, endedAtMs })),
    };
    const outcome = await history.writeForgotten(next, sequence);
    if (outcome.kind !== "stored") return [];
    finished.onForgotten(next, outcome.sequence);
    return next.removing;
  }

  #due(): FinishedEnd[] {
    const { finished, keptFor, isNeeded, nowMs } = this.#options;
    const rule = { keptFor, isNeeded, nowMs: nowMs() };
    const due: FinishedEnd[] = [];
    for (const one of finished.pastRetention(rule)) if (due.push(one) === AT_ONCE) break;
    return due;
  }

  async #remove(due: Forgotten["removing"]): Promise<void> {
    const { finished, history, artifacts, assertMayDecide } = this.#options;
    await fewAtOnce(due, async ({ job, run }) => {
      // Another server may have removed it, and a run with its id may have come since.
      assertMayDecide();
      // The record last: while it is there it says that there may be something left to remove.
      await artifacts.removeAll(runPrefix(job, run));
      await history.remove(job, run);
      finished.remove(run);
    });
  }
}
