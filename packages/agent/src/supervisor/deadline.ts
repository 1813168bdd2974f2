import { LICENCE_MS, type EndCause, type StartLicence } from "./protocol.ts";

/** Timers stand still while the host sleeps, so a long wait is cut into short ones that look at the boot clock. */
const LONGEST_TICK_MS = 1_000;

export interface WatchedAttempt {
  readonly licence: StartLicence;
  readonly lostAfterMs: number | null;
  readonly graceMs: number;
  /** How long it may run from now on, and how long it may print nothing; undefined: for ever. */
  readonly timeoutMs?: number | undefined;
  readonly silenceMs?: number | undefined;
  /** True when it has printed something since this was asked for the last time. */
  readonly takePrinted: () => boolean;
  /**
   * It must end now. `no-contact`: nobody can tell any more that it lives, and it has to be gone at `lostAfterMs`;
   * `timeout`, `silence`: it ran, or printed nothing, for as long as it may.
   */
  readonly onOver: (cause: Extract<EndCause, "no-contact" | "timeout" | "silence">) => void;
}

interface Watched extends WatchedAttempt {
  readonly startedAtMs: number;
  /** When it was last seen to have printed something: up to a tick after it did. */
  printedAtMs: number;
}

/**
 * Ends attempts whose time is over, all by the boot clock and without asking anybody.
 *
 * Such as the server may soon call lost: an attempt must be gone once `lostAfterMs` have passed since the
 * last beat that the server has, so its end begins `graceMs` before that.
 *
 * What counts is when a beat was *sent*: its acknowledgement may be late, and the server measures from the beat. Before
 * any beat was acknowledged here, the beat that earned the licence stands in, `LICENCE_MS` before the licence ends:
 * that one the server certainly has, while "now" would allow the attempt up to `LICENCE_MS` more than the server does.
 *
 * No deadline has to outlive the supervisor: an attempt does not, either.
 */
export class Deadline {
  readonly #now: () => number;
  readonly #watched = new Map<string, Watched>();
  #lastBeatAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { readonly now: () => number }) {
    this.#now = options.now;
  }

  /** Watches an attempt that has started just now. */
  watch(name: string, attempt: WatchedAttempt): void {
    const { lostAfterMs, timeoutMs, silenceMs } = attempt;
    if (lostAfterMs === null && timeoutMs === undefined && silenceMs === undefined) return;
    const nowMs = this.#now();
    this.#watched.set(name, { ...attempt, startedAtMs: nowMs, printedAtMs: nowMs });
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
      if (attempt.silenceMs !== undefined && attempt.takePrinted()) attempt.printedAtMs = this.#now();
      const { cause, atMs } = this.#endOf(attempt);
      const remainingMs = atMs - this.#now();
      if (remainingMs > 0) {
        nextMs = Math.min(nextMs, remainingMs);
      } else {
        this.#watched.delete(name);
        attempt.onOver(cause);
      }
    }
    if (this.#watched.size > 0) this.#timer = setTimeout(() => this.#check(), Math.max(10, nextMs));
  }

  /** What ends it first. */
  #endOf(attempt: Watched): { readonly cause: Parameters<WatchedAttempt["onOver"]>[0]; readonly atMs: number } {
    const { startedAtMs, printedAtMs, timeoutMs = Infinity, silenceMs = Infinity } = attempt;
    const ends = [
      { cause: "no-contact", atMs: this.#contactEndsAtMs(attempt) },
      { cause: "timeout", atMs: startedAtMs + timeoutMs },
      { cause: "silence", atMs: printedAtMs + silenceMs },
    ] as const;
    return ends.reduce((one, other) => (other.atMs < one.atMs ? other : one));
  }

  #contactEndsAtMs(attempt: WatchedAttempt): number {
    const contactAtMs = Math.max(this.#lastBeatAtMs, attempt.licence.endsAtBootMs - LICENCE_MS);
    return contactAtMs + (contactLimitMsOf(attempt) ?? Number.POSITIVE_INFINITY);
  }
}

/** For how long an attempt may run without an acknowledged beat; null: for ever. */
export function contactLimitMsOf({
  lostAfterMs,
  graceMs,
}: Pick<WatchedAttempt, "lostAfterMs" | "graceMs">): number | null {
  return lostAfterMs === null ? null : lostAfterMs - graceMs;
}
