import type { Run } from "@jobs/core";
import type { AgentsProjection } from "../projection/agents-projection.ts";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { Decider } from "./decider.ts";

export interface PlacesOptions {
  readonly jobs: Pick<JobsProjection, "waitingFor">;
  readonly agents: Pick<AgentsProjection, "get">;
  readonly decider: Pick<Decider, "hasRoom" | "idle" | "isBusy" | "keepPlace" | "takenBy">;
  /** Settles once there is nothing left to decide; never fails. */
  readonly reconcile: (job: string) => Promise<unknown>;
}

/** Gives the slots of hosts to those who wait for them, in line. */
export class Places {
  readonly #options: PlacesOptions;
  /** Agents of which a place was kept, and that may have room still. */
  readonly #left = new Set<string>();
  /** Of each agent the jobs that leave it just now: runs of theirs may be in line, though no record says so yet. */
  readonly #leaving = new Map<string, string[]>();
  /** Agents and jobs for which a place of theirs is kept. */
  readonly #keptFor = new Set<string>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /**
   * A run of the job leaves its place to others. Who waits for it is looked at once the decision that made the room is
   * over; until then a submission that comes just now does not get it.
   */
  async onLeft(agent: string, job: string): Promise<void> {
    const { decider, reconcile } = this.#options;
    this.#leaving.set(agent, [...(this.#leaving.get(agent) ?? []), job]);
    const [first] = this.#waitingFor(agent);
    const isKept = first !== undefined && decider.hasRoom(agent);
    const giveBack = isKept ? decider.keepPlace(agent) : undefined;
    if (isKept) this.#left.add(agent);
    await decider.idle(job);
    giveBack?.();
    this.fill(agent);
    await reconcile(job);
    this.#hasLeft(agent, job);
  }

  /** A run waits for a slot since just now; those for whom one was kept may not have needed it. */
  onWaits({ job, target }: Pick<Run, "job" | "target">): void {
    for (const agent of target.kind === "agent" ? [target.agent] : this.#left) {
      if (this.#options.decider.hasRoom(agent)) return void this.#options.reconcile(job);
      this.#left.delete(agent);
    }
  }

  /** Those who wait for the host take their places, each at once, if it may have one; then there are fewer. */
  fill(agent: string): void {
    const { decider, reconcile } = this.#options;
    const looks = new Map<string, { left: number; isOver: boolean }>();
    for (const job of this.#waitingFor(agent)) {
      if (!decider.hasRoom(agent)) return;
      const taken = decider.takenBy(agent, job);
      // Runs that are getting their places are in line until that is stored.
      const look = looks.get(job) ?? { left: taken, isOver: false };
      looks.set(job, look);
      if (look.isOver || look.left-- > 0) continue;
      if (decider.isBusy(job)) {
        look.isOver = true;
        this.#keepFor(job, agent);
      } else {
        void reconcile(job);
        look.isOver = decider.takenBy(agent, job) === taken;
      }
    }
  }

  /** Something of the job is being decided: until it is known whether it takes a place of the agent nobody behind it gets that. */
  #keepFor(job: string, agent: string): void {
    const key = `${agent} ${job}`;
    if (this.#keptFor.has(key)) return;
    this.#keptFor.add(key);
    const { decider, reconcile } = this.#options;
    const giveBack = decider.keepPlace(agent, job);
    this.#left.add(agent);
    const goOn = (): void => {
      this.#keptFor.delete(key);
      giveBack();
      this.fill(agent);
    };
    // In a turn of its own: then who is busy still has something to wait for.
    void reconcile(job).then(() => setImmediate(goOn));
  }

  #hasLeft(agent: string, job: string): void {
    const jobs = this.#leaving.get(agent) ?? [];
    const others = jobs.toSpliced(jobs.indexOf(job), 1);
    if (others.length === 0) this.#leaving.delete(agent);
    else this.#leaving.set(agent, others);
  }

  /** The job of each run that waits, the first in line first. */
  *#waitingFor(agent: string): Iterable<string> {
    const view = this.#options.agents.get(agent);
    // One that takes on nothing now helps nobody, and very many may wait for it.
    if (view?.licence === undefined || view.isDraining) return;
    for (const { job } of this.#options.jobs.waitingFor(view, this.#leaving.get(agent))) yield job;
  }
}
