import { LICENCE_MS, type StartLicence } from "./protocol.ts";

/** Timers stand still while the host sleeps, so a long wait is cut into short ones that look at the boot clock. */
const LONGEST_TICK_MS = 1_000;

export interface WatchedAttempt {
  readonly licence: StartLicence;
  readonly lostAfterMs: number | null;
  readonly graceMs: number;
  /** Nobody can tell any more that the attempt lives: it must end now, so that it is gone at `lostAfterMs`. */
  readonly onLostContact: () => void;
}

/**
 * Ends attempts that the server may soon call lost: an attempt must be gone once `lostAfterMs` have passed since the
 * last beat that the server has, so its end begins `graceMs` before that.
 *
 * What counts is when a beat was *sent*: its acknowledgement may be late, and the server measures from the beat. Before
 * any beat was acknowledged here, the beat that earned the licence stands in, `LICENCE_MS` before the licence ends:
 * that one the server certainly has, while "now" would allow the attempt up to `LICENCE_MS` more than the server does.
 */
export class Deadline {
  readonly #now: () => number;
  readonly #watched = new Map<string, WatchedAttempt>();
  #lastBeatAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { readonly now: () => number }) {
    this.#now = options.now;
  }

  watch(name: string, attempt: WatchedAttempt): void {
    if (attempt.lostAfterMs === null) return;
    this.#watched.set(name, attempt);
    this.#check();
  }

  unwatch(name: string): void {
    this.#watched.delete(name);
    if (this.#watched.size === 0) this.stop();
  }

  /** A beat sent at this instant of the boot clock was acknowledged: it renews every attempt. */
  beat(sentAtBootMs: number): void {
    this.#lastBeatAtMs = Math.max(this.#lastBeatAtMs, Math.min(sentAtBootMs, this.#now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    this.stop();
    let nextMs = LONGEST_TICK_MS;
    for (const [name, attempt] of this.#watched) {
      const remainingMs = this.#endsAtMs(attempt) - this.#now();
      if (remainingMs > 0) {
        nextMs = Math.min(nextMs, remainingMs);
      } else {
        this.#watched.delete(name);
        attempt.onLostContact();
      }
    }
    if (this.#watched.size > 0) this.#timer = setTimeout(() => this.#check(), Math.max(10, nextMs));
  }

  #endsAtMs({ licence, lostAfterMs, graceMs }: WatchedAttempt): number {
    const contactAtMs = Math.max(this.#lastBeatAtMs, licence.endsAtBootMs - LICENCE_MS);
    return contactAtMs + (lostAfterMs ?? Number.POSITIVE_INFINITY) - graceMs;
  }
}
