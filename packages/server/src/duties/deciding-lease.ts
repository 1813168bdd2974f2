/**
 * Which server decides: a lease in BEATS, renewed twice a second as a compare-and-set on itself.
 *
 *   waiting ──no renewal seen for 2.5 s──► taking ──stored──► deciding ──conflict, or 2.5 s without a stored renewal──► waiting
 *                                                              └──view not confirmed: handed over──► waiting
 *
 * A renewal may be stored after the server that sent it has given the lease up: its answer was lost, or it came late. It
 * keeps the others away, so that server takes the lease again, or hands it over, as soon as it sees it.
 *
 * The lease is for economy: one view, one queue an agent, no conflicts. Safety is the guard of each write alone.
 */
import type { Lease, Service } from "@jobs/core";
import { unanswered, type BeatStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";

/** A server that NATS hears but that hears nothing itself keeps the others away for one renewal more. */
const RENEW_MS = 500;
/** Several renewals may be late or lost, as while nats-server has a new leader; a take-over takes little more than this. */
const LAPSED_MS = 2_500;

/** A renewal of unknown outcome is not left to the next turn: nobody decides when the lease lapses. */
const AGAIN_MS = 100;
/** A server that hands deciding over answers what it has carried out. */
const LAST_WORDS_MS = 100;

export interface DecidingLeaseOptions {
  readonly beats: BeatStore;
  readonly server: string;
  readonly monotonicMs: () => number;
  readonly log: Logger;
  /** False while this server's view is not confirmed: it could decide nothing, and another one may. */
  readonly isFit: () => boolean;
  readonly onGained: () => void;
  readonly onLost: () => void;
  /** A renewal that this process sent at this instant of its monotonic clock came back through the watch. */
  readonly onOwnRenewal: (sentAtMs: number) => void;
}

export class DecidingLease implements Service {
  readonly #options: DecidingLeaseOptions;
  #holder: { readonly server: string; readonly term: number } | undefined;
  #sequence = 0;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #isHeld = false;
  /** Each hears when the lease goes to another server, or to nobody. */
  readonly #onHolder = new Set<(server: string | undefined) => void>();
  #timer: NodeJS.Timeout | undefined;
  /** A turn that must not wait for the next half second: the other server's lease has lapsed, or a renewal is sent again. */
  #lapse: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: DecidingLeaseOptions) {
    this.#options = options;
  }

  /** The server that decides, as far as this one knows; undefined while nobody does. */
  get holder(): string | undefined {
    const isFresh = this.#options.monotonicMs() - this.#renewedAtMs < LAPSED_MS;
    return isFresh ? this.#holder?.server : undefined;
  }

  /** What `server` answers; rejects soon after another one decides, or nobody: that one may never answer. */
  async whileHeldBy<T>(server: string, asked: Promise<T>): Promise<T> {
    let onHolder = (_by: string | undefined): void => undefined;
    const replaced = new Promise<never>((_, reject) => {
      onHolder = (by) => void (by !== server && setTimeout(() => reject(unanswered()), LAST_WORDS_MS));
    });
    this.#onHolder.add(onHolder);
    try {
      return await Promise.race([asked, replaced]);
    } finally {
      this.#onHolder.delete(onHolder);
    }
  }

  get isHeld(): boolean {
    return this.#isHeld && this.holder === this.#options.server;
  }

  async start(): Promise<void> {
    await this.#tick();
    this.#timer = setInterval(() => void this.#tick(), RENEW_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#lapse);
    await this.#ticking;
    await this.#handOver();
  }

  /** Another server need not wait until the lease lapses: an empty name is nobody. */
  async #handOver(): Promise<void> {
    if (this.#holder?.server !== this.#options.server) return;
    await this.#options.beats.lease({ v: 1, server: "", term: (this.#holder?.term ?? 0) + 1 }, this.#sequence);
    this.#lose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** A lease came through the watch: somebody's renewal, perhaps this server's own. */
  onLease(lease: Lease, sequence: number): void {
    if (lease.server === this.#options.server && lease.sentAtMs !== undefined)
      this.#options.onOwnRenewal(lease.sentAtMs);
    if (sequence <= this.#sequence) return;
    this.#sequence = sequence;
    this.#setHolder(lease.server === "" ? undefined : lease);
    if (lease.server === this.#options.server) {
      this.#renewedAtMs = lease.sentAtMs ?? Number.NEGATIVE_INFINITY;
      if (!this.#isHeld) this.#tickAfter(0);
      return;
    }
    this.#renewedAtMs = lease.server === "" ? Number.NEGATIVE_INFINITY : this.#options.monotonicMs();
    this.#lose();
    this.#tickAfter(lease.server === "" ? 0 : LAPSED_MS + 10);
  }

  #tickAfter(ms: number): void {
    clearTimeout(this.#lapse);
    if (!this.#isStopped) this.#lapse = setTimeout(() => void this.#tick(), ms);
  }

  /** The lease went with its nats-server: whoever takes it first decides. */
  reset(): void {
    this.#sequence = 0;
    this.#renewedAtMs = Number.NEGATIVE_INFINITY;
  }

  #tick(): Promise<void> {
    this.#ticking ??= this.#renewOrTake().finally(() => (this.#ticking = undefined));
    return this.#ticking;
  }

  async #renewOrTake(): Promise<void> {
    const { server, monotonicMs, beats } = this.#options;
    if (this.#isHeld && !this.isHeld) this.#lose();
    if (this.#isStopped) return;
    if (!this.#options.isFit()) return this.#handOver();
    const { holder } = this;
    if (!this.#isHeld && holder !== undefined && holder !== server) return;
    const sentAtMs = monotonicMs();
    const term = this.#isHeld ? (this.#holder?.term ?? 0) : (this.#holder?.term ?? 0) + 1;
    const outcome = await beats.lease({ v: 1, server, term, sentAtMs }, this.#sequence);
    if (outcome.kind === "conflict") this.#lose();
    if (outcome.kind === "stored") this.#hold({ server, term }, outcome.sequence, sentAtMs);
    if (outcome.kind === "unknown" && (this.holder ?? server) === server) this.#tickAfter(AGAIN_MS);
  }

  #hold(holder: { server: string; term: number }, sequence: number, sentAtMs: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
    this.#setHolder(holder);
    this.#renewedAtMs = sentAtMs;
    if (this.#isHeld) return;
    this.#isHeld = true;
    if (this.#isStopped) return; // stop() gives it back
    this.#options.log.info({ term: holder.term }, "this server decides now");
    this.#options.onGained();
  }

  #setHolder(holder: { server: string; term: number } | undefined): void {
    const isChange = holder?.server !== this.#holder?.server;
    this.#holder = holder;
    if (isChange) for (const onHolder of this.#onHolder) onHolder(holder?.server);
  }

  #lose(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#options.log.info("this server decides no more");
    this.#options.onLost();
  }
}
