/**
 * Deletes the finished runs of a job from HISTORY:
 *
 *   erasure ──every watch forgets them──► in AUDIT ──► hosts told to forget what they hold ──► files removed ──► purged ──► the erasure says that it is done
 *
 * The erasure is a record of HISTORY itself: what a crash left undone the next deciding server does. It stays: a key that is
 * used again makes another run's id than before it, since hosts and streams may still hold something of the old one. Until
 * it is done no run of the job settles.
 */
import type { HistoryDeletion } from "@jobs/core";
import { runPrefix, type ArtifactStore } from "@jobs/core/artifacts";
import { findHistoryObstacle } from "@jobs/core/decide";
import type { AuditStore, HistoryStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { auditDeletion } from "../audit.ts";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { Dependents } from "../projection/dependents.ts";
import type { Erasure } from "../projection/erasures.ts";
import type { HistoryIndex } from "../projection/history-index.ts";
import type { Decider } from "./decider.ts";
import { fewAtOnce } from "./few-at-once.ts";
import type { Releaser } from "./releaser.ts";

export interface HistoryEraserOptions {
  readonly decider: Pick<Decider, "alone">;
  readonly history: Pick<HistoryStore, "erase" | "findDeletion" | "purge">;
  readonly releaser: Pick<Releaser, "release">;
  readonly finished: HistoryIndex;
  readonly artifacts: Pick<ArtifactStore, "removeAll">;
  readonly agents: Pick<AgentsProjection, "isInContact" | "findBeat">;
  readonly dependents: Pick<Dependents, "findAwaited">;
  readonly audit: Pick<AuditStore, "write">;
  readonly now: () => string;
  readonly log: Logger;
}

export class HistoryEraser {
  readonly #options: HistoryEraserOptions;
  readonly #underWay = new Set<string>();

  constructor(options: HistoryEraserOptions) {
    this.#options = options;
  }

  /**
   * Every finished run of the job is forgotten; `isNew`: false when there was none since they were last. Throws `job-busy` while
   * there is a record of a run, a host runs one, or a live run waits for one.
   */
  async erase(job: string, by: string): Promise<{ readonly deletion: HistoryDeletion; readonly isNew: boolean }> {
    const { decider, history, finished, dependents, now } = this.#options;
    const answer = await decider.alone(job, async (view, { agents }) => {
      const awaited = dependents.findAwaited((run) => finished.find(run)?.job === job);
      const obstacle = findHistoryObstacle(view, { agents, awaited });
      if (obstacle !== undefined) throw obstacle;
      const known = finished.hasAny(job) ? undefined : await history.findDeletion(job);
      if (known !== undefined) return { deletion: known, isNew: false };
      const said = { at: now(), by };
      const sequence = await history.erase(job, said);
      finished.erase(job, sequence);
      return { deletion: { ...said, sequence }, isNew: true };
    });
    this.round();
    return answer;
  }

  /** Carries out what has not been yet. */
  round(): void {
    for (const [job, erasure] of this.#options.finished.erasures()) void this.#carryOut(job, erasure);
  }

  async #carryOut(job: string, { sequence, runs }: Erasure): Promise<void> {
    if (this.#underWay.has(job)) return;
    this.#underWay.add(job);
    const { releaser, history, finished, artifacts, audit, log } = this.#options;
    try {
      const deletion = await history.findDeletion(job);
      if (deletion?.sequence === sequence) await auditDeletion(audit, job, deletion);
      for (const { run, attempts } of runs) {
        for (const { agent, number } of attempts)
          if (this.#mayHold(agent, run, number)) await releaser.release({ agent, run, attempt: number });
      }
      await fewAtOnce(runs, ({ run }) => artifacts.removeAll(runPrefix(job, run)));
      await history.purge(job, sequence);
      finished.erased(job, sequence);
    } catch (error) {
      log.warn({ err: error, job }, "deleting a job's history failed; it is tried again");
    } finally {
      this.#underWay.delete(job);
    }
  }

  /** Whether its host may still hold the attempt: nobody will know it when a later beat lists it. */
  #mayHold(agent: string, run: string, attempt: number): boolean {
    const { agents } = this.#options;
    if (!agents.isInContact(agent)) return true;
    return agents.findBeat(agent)?.held.some((held) => held.run === run && held.attempt === attempt) ?? true;
  }
}
