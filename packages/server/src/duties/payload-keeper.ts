/**
 * Removes the payloads in the artifact store that nothing needs any more: no job's task, no live run and no finished one.
 *
 *   submission ──stored, or refreshed──► its record ──► … ──► removed from HISTORY ──30 days without a refresh──► removed
 *
 * A payload is there before the record that names it, so one that is not named yet must be new: whoever submits it refreshes it.
 */
import { PAYLOADS_PREFIX, type ArtifactStore } from "@jobs/core/artifacts";
import { inTurns } from "../in-turns.ts";
import type { HistoryIndex } from "../projection/history-index.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import { markOfHash, payloadMark } from "../projection/payload-mark.ts";

export interface PayloadKeeperOptions {
  readonly jobs: Pick<JobsProjection, "names" | "runs" | "view">;
  readonly finished: Pick<HistoryIndex, "hasUnreadable" | "payloadMarks">;
  readonly artifacts: Pick<ArtifactStore, "removeUnused">;
  readonly assertMayDecide: () => void;
  readonly nowMs: () => number;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** From its last submission on, as long as keys: also what a store that is restored from before then names is there. */
const KEPT_MS = 30 * DAY_MS;
const EVERY_MS = DAY_MS;
/** There may be very many finished runs. */
const MARKS_A_STEP = 5_000;

export class PayloadKeeper {
  readonly #options: PayloadKeeperOptions;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(options: PayloadKeeperOptions) {
    this.#options = options;
  }

  /** Once a day; gives how many were removed. */
  async round(): Promise<number> {
    const { artifacts, assertMayDecide, nowMs } = this.#options;
    if (Math.abs(nowMs() - this.#atMs) < EVERY_MS) return 0; // clocks are set back
    assertMayDecide();
    const needed = await inTurns(this.#needed());
    if (needed === undefined) return 0;
    const removed = await artifacts.removeUnused(PAYLOADS_PREFIX, {
      beforeMs: nowMs() - KEPT_MS,
      isUsed: (sha256) => {
        assertMayDecide();
        return needed.has(markOfHash(sha256));
      },
    });
    this.#atMs = nowMs();
    return removed;
  }

  /** The marks of those that something names; undefined while there is a record that this version cannot read, and that may name any. */
  *#needed(): Generator<undefined, ReadonlySet<number> | undefined> {
    const { jobs, finished } = this.#options;
    if (finished.hasUnreadable()) return undefined;
    const needed = new Set<number>();
    // Those of live runs first: one may finish meanwhile.
    for (const { run } of jobs.runs()) needed.add(payloadMark(run.payload));
    for (const name of jobs.names()) {
      const { isUnreadable, definition } = jobs.view(name);
      if (isUnreadable) return undefined;
      if (definition?.task !== undefined) needed.add(payloadMark(definition.task.payload));
    }
    const marks = finished.payloadMarks();
    for (let from = 0; from < marks.length; from += MARKS_A_STEP) {
      for (const mark of marks.subarray(from, from + MARKS_A_STEP)) if (mark !== 0) needed.add(mark);
      yield;
    }
    return needed;
  }
}
