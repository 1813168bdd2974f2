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

/** Own renewals come every second; after a longer pause than this nothing is known of the time between. */
const GAP_MS = 15_000;

export class Silence {
  readonly #monotonicMs: () => number;
  /** When an attempt was last listed, or first seen; by its key. */
  readonly #heardAtMs = new Map<string, number>();
  /** The attempts of each agent that are in the map. */
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

  /** A record names this attempt: from now on it is known of. */
  onAttempt(held: LiveOnHost): void {
    const key = keyOf(held);
    if (this.#heardAtMs.has(key)) return;
    this.#heardAtMs.set(key, this.#monotonicMs());
    this.#ofAgent.set(held.agent, (this.#ofAgent.get(held.agent) ?? new Set()).add(key));
  }

  forget(held: LiveOnHost): void {
    const key = keyOf(held);
    this.#heardAtMs.delete(key);
    const others = this.#ofAgent.get(held.agent);
    others?.delete(key);
    if (others?.size === 0) this.#ofAgent.delete(held.agent);
  }

  /** `ageMs`: how long ago it was stored. Only attempts that a record names count. */
  onBeat(agent: string, { held }: Pick<Beat, "held">, ageMs: number): void {
    if (!this.#ofAgent.has(agent)) return;
    const atMs = this.#monotonicMs() - ageMs;
    for (const { run, attempt } of held) {
      const key = keyOf({ agent, run, attempt });
      const before = this.#heardAtMs.get(key);
      if (before !== undefined && before < atMs) this.#heardAtMs.set(key, atMs);
    }
  }

  /** For people: how long ago it was last heard of, milliseconds; 0 when it is not known of. */
  sinceHeardMs(held: LiveOnHost): number {
    const at = this.#heardAtMs.get(keyOf(held));
    return at === undefined ? 0 : Math.max(0, this.#monotonicMs() - at);
  }

  /** For decisions: how long it was certainly silent, milliseconds; 0 while nobody can tell. */
  silentMs(held: LiveOnHost): number {
    const at = this.#heardAtMs.get(keyOf(held));
    const isMeasuring = this.#monotonicMs() - this.#ownSentAtMs < GAP_MS;
    if (at === undefined || !isMeasuring) return 0;
    return Math.max(0, this.#ownSentAtMs - Math.max(at, this.#measuringSinceMs));
  }
}

function keyOf({ agent, run, attempt }: LiveOnHost): string {
  return `${agent} ${run} ${attempt}`;
}
