/**
 * How long hosts have said nothing of the attempts they were given.
 *
 * What is shown to people is the time since the last beat that listed the attempt. What a loss is decided on is measured
 * more strictly, on this process's monotonic clock: from the moment on in which this server's own renewals of the lease
 * came back through the same watch, one after another without a gap; and up to the one that came back last. So a server
 * that is cut off, lags, or was stopped measures nothing, and begins anew.
 */
import type { Beat } from "@jobs/core";
import type { LiveOnHost } from "@jobs/core/decide";

interface Known extends LiveOnHost {
  /** When it was last heard of, or first seen. */
  heardAtMs: number;
  /** Until it is known to have started, the number of the licence under which its host may start it. */
  mayStartUnder: number | undefined;
}

/** Own renewals come every second; after a longer pause than this nothing is known of the time between. */
const GAP_MS = 15_000;

export class Silence {
  readonly #monotonicMs: () => number;
  /** The attempts that records name, by their key. */
  readonly #attempts = new Map<string, Known>();
  /** The keys of each agent's attempts. */
  readonly #ofAgent = new Map<string, Set<string>>();
  #measuringSinceMs = Number.POSITIVE_INFINITY;
  #ownSentAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly monotonicMs: () => number }) {
    this.#monotonicMs = options.monotonicMs;
  }

  /** A renewal of the lease that this process sent came back. */
  onOwnBeat(sentAtMs: number): void {
    if (sentAtMs - this.#ownSentAtMs > GAP_MS) this.#measuringSinceMs = this.#monotonicMs();
    this.#ownSentAtMs = Math.max(this.#ownSentAtMs, sentAtMs);
  }

  /** The watch was interrupted, or this server decides no more: what came meanwhile is not known. */
  reset(): void {
    this.#measuringSinceMs = Number.POSITIVE_INFINITY;
    this.#ownSentAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A record names this attempt: from now on it is known of. `mayStartUnder`: a licence's number, until it has started. */
  onAttempt(held: LiveOnHost, mayStartUnder?: number): void {
    const key = keyOf(held);
    const known = this.#attempts.get(key);
    if (known !== undefined) {
      known.mayStartUnder = mayStartUnder;
      return;
    }
    this.#attempts.set(key, { heardAtMs: this.#monotonicMs(), mayStartUnder, ...held });
    this.#ofAgent.set(held.agent, (this.#ofAgent.get(held.agent) ?? new Set()).add(key));
  }

  /** The records were forgotten, and are read anew. */
  forgetAll(): void {
    this.#attempts.clear();
    this.#ofAgent.clear();
  }

  forget(held: LiveOnHost): void {
    const key = keyOf(held);
    this.#attempts.delete(key);
    const others = this.#ofAgent.get(held.agent);
    others?.delete(key);
    if (others?.size === 0) this.#ofAgent.delete(held.agent);
  }

  /**
   * `ageMs`: how long ago it was stored. It speaks for the attempts that it lists, and for those that its agent may still
   * start because the licence that they were assigned under is not over. Of one that has started and is listed as refused
   * the host has forgotten everything: it refused to start it again, or to end it.
   */
  onBeat(agent: string, { held, licence }: Pick<Beat, "held" | "licence">, ageMs: number): void {
    const keys = this.#ofAgent.get(agent);
    if (keys === undefined) return;
    const atMs = this.#monotonicMs() - ageMs;
    const listed = new Map(held.map((one) => [keyOf({ agent, ...one }), one]));
    for (const key of keys) {
      const known = this.#attempts.get(key);
      if (known === undefined) continue;
      const { mayStartUnder } = known;
      const mayStart = mayStartUnder !== undefined && licence.number <= mayStartUnder;
      const isForgotten = mayStartUnder === undefined && listed.get(key)?.isRefused === true;
      if ((listed.has(key) && !isForgotten) || mayStart) known.heardAtMs = Math.max(known.heardAtMs, atMs);
    }
  }

  /** For people: how long ago it was last heard of, milliseconds; 0 when it is not known of. */
  sinceHeardMs(held: LiveOnHost): number {
    const known = this.#attempts.get(keyOf(held));
    return known === undefined ? 0 : Math.max(0, this.#monotonicMs() - known.heardAtMs);
  }

  /** For decisions: how long it was certainly silent, milliseconds; 0 while nobody can tell. */
  silentMs(held: LiveOnHost): number {
    const known = this.#attempts.get(keyOf(held));
    const isMeasuring = this.#monotonicMs() - this.#ownSentAtMs < GAP_MS;
    if (known === undefined || !isMeasuring) return 0;
    return Math.max(0, this.#ownSentAtMs - Math.max(known.heardAtMs, this.#measuringSinceMs));
  }
}

function keyOf({ agent, run, attempt }: LiveOnHost): string {
  return `${agent} ${run} ${attempt}`;
}
