/**
 * Whether the supervisor answers, and when one that does not has to be killed.
 *
 *   answering ──owes an answer for 15 s──► hanging ──no beat acknowledged for `contactLimitMs`──► overdue
 *       ▲──────────────────────────────answers──────────────────────────────┘
 *
 * From `contactLimitMs` on the supervisor should have ended an attempt by itself, and the server calls it lost soon; so
 * that time counts on the boot clock, from the beat acknowledged last, as in the supervisor. The time that an answer is
 * owed is counted in ticks instead: a machine that was paused as a whole has no supervisor that hangs.
 */
const TICK_MS = 1_000;

export interface SupervisorWatchOptions {
  readonly bootClockMs: () => number;
  /** One that owes an answer for longer hangs. */
  readonly answerLimitMs: number;
  /** For how long what runs on the host may do so without an acknowledged beat; Infinity: for ever. */
  readonly contactLimitMs: () => number;
  /** Tells it the last beat again, which it answers: no beats are acknowledged just now. */
  readonly onUnasked: (sentAtBootMs: number) => void;
  /** Comes with each tick until it answers. */
  readonly onOverdue: (silence: { readonly unheardMs: number; readonly contactLimitMs: number }) => void;
}

export class SupervisorWatch {
  readonly #options: SupervisorWatchOptions;
  /** For how long it has owed an answer; undefined while it owes none. */
  #owedMs: number | undefined;
  #lastBeatAtMs: number | undefined;
  #tickedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisorWatchOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#tickedAtMs = this.#options.bootClockMs();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A beat sent at this instant of the boot clock was acknowledged. */
  beat(sentAtBootMs: number): void {
    this.#lastBeatAtMs = Math.max(this.#lastBeatAtMs ?? sentAtBootMs, sentAtBootMs);
  }

  /** It was asked something, or is gone. */
  owes(): void {
    this.#owedMs ??= 0;
  }

  answered(): void {
    this.#owedMs = undefined;
  }

  isAnswering(): boolean {
    return (this.#owedMs ?? 0) <= this.#options.answerLimitMs;
  }

  #tick(): void {
    const { bootClockMs, answerLimitMs, contactLimitMs, onUnasked, onOverdue } = this.#options;
    const nowMs = bootClockMs();
    const passedMs = Math.min(nowMs - this.#tickedAtMs, 2 * TICK_MS);
    this.#tickedAtMs = nowMs;
    if (this.#owedMs !== undefined) this.#owedMs += passedMs;
    if (this.#lastBeatAtMs === undefined) return;
    const unheardMs = nowMs - this.#lastBeatAtMs;
    if (this.#owedMs === undefined && unheardMs > answerLimitMs) onUnasked(this.#lastBeatAtMs);
    if (this.isAnswering()) return;
    const limitMs = contactLimitMs();
    if (unheardMs >= limitMs) onOverdue({ unheardMs, contactLimitMs: limitMs });
  }
}
