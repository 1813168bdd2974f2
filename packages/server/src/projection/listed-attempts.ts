/**
 * The attempts that hosts said to be running, whatever the records say. What a host listed in its last beat keeps its job
 * busy: until the host's next beat says otherwise, until the host must have ended it for want of contact, or until it is
 * {@link ListedAttempts.forget forgotten} with the history of its job. It outlives a loss of BEATS: that a nats-server has
 * forgotten what a host said changes nothing on the host.
 */
import type { Beat } from "@jobs/core";
import type { LiveOnHost } from "@jobs/core/decide";

interface Listing {
  readonly live: readonly (LiveOnHost & { readonly job: string })[];
  readonly atMonotonicMs: number;
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
}

export interface ListedAttemptsOptions {
  readonly monotonicMs: () => number;
  readonly nowMs: () => number;
  /** For how long after a beat of this instant (ms since 1970) that lists it an attempt counts as running, milliseconds. */
  readonly countsForMs: (held: LiveOnHost, listedAtMs: number) => number;
}

export class ListedAttempts {
  readonly #options: ListedAttemptsOptions;
  readonly #listings = new Map<string, Listing>();
  /** Agents that list something of a job, by job. */
  readonly #agentsOf = new Map<string, Set<string>>();

  constructor(options: ListedAttemptsOptions) {
    this.#options = options;
  }

  /** `ageMs`: how long ago the beat was stored. */
  onBeat(agent: string, { held }: Pick<Beat, "held">, ageMs: number): void {
    const { monotonicMs, nowMs } = this.#options;
    for (const { job } of this.#listings.get(agent)?.live ?? []) this.#forget(job, agent);
    const live = held.flatMap(({ job, run, attempt, isOver }) =>
      isOver === true ? [] : [{ job, agent, run, attempt }],
    );
    for (const { job } of live) this.#agentsOf.set(job, (this.#agentsOf.get(job) ?? new Set()).add(agent));
    this.#listings.set(agent, { live, atMonotonicMs: monotonicMs() - ageMs, atMs: nowMs() - ageMs });
  }

  /** It is over, whatever the host's last beat says. */
  forget({ agent, run, attempt }: LiveOnHost): void {
    const listing = this.#listings.get(agent);
    const held = listing?.live.find((one) => one.run === run && one.attempt === attempt);
    if (listing === undefined || held === undefined) return;
    const live = listing.live.filter((one) => one !== held);
    this.#listings.set(agent, { ...listing, live });
    if (!live.some(({ job }) => job === held.job)) this.#forget(held.job, agent);
  }

  /** Jobs of which a host said in its last beat that something runs. */
  jobs(): Iterable<string> {
    return this.#agentsOf.keys();
  }

  of(job: string): readonly LiveOnHost[] {
    const live: LiveOnHost[] = [];
    for (const agent of this.#agentsOf.get(job) ?? []) {
      const listing = this.#listings.get(agent);
      if (listing === undefined) continue;
      const sinceMs = this.#options.monotonicMs() - listing.atMonotonicMs;
      for (const { job: of, ...held } of listing.live)
        if (of === job && sinceMs < this.#options.countsForMs(held, listing.atMs)) live.push(held);
    }
    return live;
  }

  #forget(job: string, agent: string): void {
    const agents = this.#agentsOf.get(job);
    agents?.delete(agent);
    if (agents?.size === 0) this.#agentsOf.delete(job);
  }
}
