import type { Run } from "@jobs/core";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { Decider } from "./decider.ts";
import { KeyedQueue } from "./keyed-queue.ts";

export interface PlacesOptions {
  readonly jobs: Pick<JobsProjection, "waitingFor">;
  readonly agents: Pick<AgentsProjection, "get">;
  readonly decider: Pick<Decider, "hasRoom" | "idle" | "keepPlace">;
  /** Settles once there is nothing left to decide; never fails. */
  readonly reconcile: (job: string) => Promise<unknown>;
}

/** Gives the slots of hosts to those who wait for them, in line. */
export class Places {
  readonly #options: PlacesOptions;
  /** Agents of which a place was kept, and that may have room still. */
  readonly #left = new Set<string>();
  /** Those who leave an agent, one after another. */
  readonly #leaving = new KeyedQueue();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /**
   * A run of the job leaves its place to others. Who waits for it is looked at once the decision that made the room is
   * over; until then a submission that comes just now does not get it. Nor is another place that is left meanwhile given
   * away: a run of the job that was behind this one, and found its place taken, is not yet known to wait for one.
   */
  async onLeft(agent: string, job: string): Promise<void> {
    const { decider, reconcile } = this.#options;
    const [first] = this.#waitingFor(agent, job);
    const isKept = first !== undefined && decider.hasRoom(agent);
    const giveBack = isKept ? decider.keepPlace(agent) : undefined;
    if (isKept) this.#left.add(agent);
    await this.#leaving.run(agent, async () => {
      await decider.idle(job);
      giveBack?.();
      this.fill(agent, job);
      await reconcile(job);
    });
  }

  /** A run waits for a slot since just now; those for whom one was kept may not have needed it. */
  onWaits({ job, target }: Pick<Run, "job" | "target">): void {
    for (const agent of target.kind === "agent" ? [target.agent] : this.#left) {
      if (this.#options.decider.hasRoom(agent)) return void this.#options.reconcile(job);
      this.#left.delete(agent);
    }
  }

  /** Those who wait for the host take their places; `behind`: runs of this job may wait for one that the host had. */
  fill(agent: string, behind?: string): void {
    const jobs = new Set<string>();
    // Each takes its place at once, if it may have one; then there are fewer.
    for (const job of this.#waitingFor(agent, behind)) {
      if (!this.#options.decider.hasRoom(agent)) return;
      if (jobs.has(job)) continue;
      jobs.add(job);
      void this.#options.reconcile(job);
    }
  }

  /** Jobs whose runs wait, the first in line first; some come several times. */
  *#waitingFor(agent: string, behind?: string): Iterable<string> {
    const view = this.#options.agents.get(agent);
    // One that takes on nothing now helps nobody, and very many may wait for it.
    if (view?.licence === undefined || view.isDraining) return;
    for (const { job } of this.#options.jobs.waitingFor(view, behind)) yield job;
  }
}
