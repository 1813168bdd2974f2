import { randomUUID } from "node:crypto";
/**
 * Whether this server's view is current, of the bucket `jobs` and of HISTORY: it writes a mark of its own to each and sees
 * it come back through the same watch. A server whose view was not confirmed within 15 s decides nothing. That is well
 * below the life of a marker: a run that is neither live, nor a marker, nor in the index of HISTORY, never was.
 *
 * A mark that is on its way when the view is invalidated tells of the view as it was, and confirms nothing any more: who
 * waits for it waits for another one, sent at once.
 */
import { type Service } from "@jobs/core";
import type { JobStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";

export const CONFIRMED_FOR_MS = 15_000;
const EVERY_MS = 4_000;
const CATCH_UP_MS = 5_000;
/** A mark may be lost, as with a nats-server that goes: when it is not back another one is sent. */
const AGAIN_MS = 1_000;

/** What a mark is written to, and whose watch brings it back to {@link ViewMark.onMark}. */
export type Markable = Pick<JobStore, "mark">;

export interface ViewMarkOptions {
  readonly stores: readonly Markable[];
  readonly server: string;
  readonly monotonicMs: () => number;
  /** The view may have holes that nothing tells of: it must be read from the start again. */
  readonly onHoles: () => void;
  readonly log: Logger;
}

/**
 * A view that lagged for longer may have missed a marker from its writing to its expiry, and would show the removed run for
 * ever. Below the life of a marker (150 s), with room for the way.
 */
const HOLES_AFTER_MS = 100_000;

/** A mark on its way. */
interface SentMark {
  readonly sentAtMs: number;
  readonly missing: Set<Markable>;
  /** It came back through all watches, or false: the view was invalidated before it did. */
  readonly settle: (isSeen: boolean) => void;
}

export class ViewMark implements Service {
  readonly #options: ViewMarkOptions;
  readonly #waiting = new Map<string, SentMark>();
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: ViewMarkOptions) {
    this.#options = options;
  }

  /** Resolves once the view was confirmed for the first time; a stream that has no leader just now is waited for. */
  async start(): Promise<void> {
    while (!(await this.#isConfirmed())) if (this.#isStopped) return;
    this.#timer = setInterval(() => void this.confirm().catch(() => undefined), EVERY_MS); // an unconfirmed view shows in isCurrent
  }

  async #isConfirmed(): Promise<boolean> {
    try {
      await this.confirm();
      return true;
    } catch (err) {
      this.#options.log.warn({ err }, "the view of what is stored is not confirmed; the server begins when it is");
      return false;
    }
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** `sinceMs`: it was so at some time after this one, too, monotonic ms. */
  isCurrent(sinceMs = Number.NEGATIVE_INFINITY): boolean {
    return this.ageMs() < CONFIRMED_FOR_MS && this.#confirmedAtMs >= sinceMs;
  }

  /** How long ago the view was certainly current, milliseconds; infinite when nobody can tell. */
  ageMs(): number {
    return this.#options.monotonicMs() - this.#confirmedAtMs;
  }

  /** The view is another store's, or is being filled anew. */
  invalidate(): void {
    this.#confirmedAtMs = Number.NEGATIVE_INFINITY;
    for (const { settle } of this.#waiting.values()) settle(false);
    this.#waiting.clear();
  }

  /** Resolves once all that was stored when it was called has been seen. */
  confirm(): Promise<void> {
    const marks: string[] = [];
    let again: NodeJS.Timeout | undefined;
    let giveUp: NodeJS.Timeout | undefined;
    let isOver = false;
    const confirmed = new Promise<void>((resolve, reject) => {
      let cause: unknown; // why the last mark was not stored, if that is known
      const send = (): void => {
        if (isOver || this.#isStopped) return;
        clearTimeout(again);
        again = setTimeout(send, AGAIN_MS);
        const mark = randomUUID();
        marks.push(mark);
        void this.#settled(mark).then((isSeen) => {
          if (isSeen) resolve();
          else if (mark === marks.at(-1)) send(); // one in the place of all that were on their way
        });
        this.#send(mark).then(
          () => (cause = undefined),
          (error: unknown) => (cause = error),
        );
      };
      giveUp = setTimeout(() => {
        for (const mark of marks) this.#waiting.delete(mark);
        reject(new Error("this server's mark did not come back through its watch", { cause }));
      }, CATCH_UP_MS);
      send();
    });
    // Its later marks stay: one may have taken the place of another's mark, and is then seen for both.
    return confirmed.finally(() => {
      isOver = true;
      clearTimeout(again);
      clearTimeout(giveUp);
    });
  }

  /** Resolves true once the mark came back; false when the view was invalidated before it did. */
  #settled(mark: string): Promise<boolean> {
    const { stores, monotonicMs } = this.#options;
    return new Promise((settle) =>
      this.#waiting.set(mark, { sentAtMs: monotonicMs(), missing: new Set(stores), settle }),
    );
  }

  async #send(mark: string): Promise<void> {
    const { stores, server } = this.#options;
    await Promise.all(stores.map((store) => store.mark(server, mark)));
  }

  /**
   * A mark came back through the watch of `store`, and with it those that were sent before: a store keeps the last one
   * alone, which may have taken the place of another before that was delivered.
   */
  onMark(store: Markable, server: string, mark: string): void {
    if (server !== this.#options.server || !this.#waiting.has(mark)) return;
    for (const [sent, waiting] of this.#waiting) {
      waiting.missing.delete(store);
      if (waiting.missing.size === 0 && this.#waiting.delete(sent)) this.#cameBack(waiting);
      if (sent === mark) return;
    }
  }

  #cameBack(waiting: SentMark): void {
    const hasLagged = this.#confirmedAtMs !== Number.NEGATIVE_INFINITY && this.ageMs() > HOLES_AFTER_MS;
    if (hasLagged) {
      this.invalidate();
      this.#options.onHoles();
    } else this.#confirmedAtMs = Math.max(this.#confirmedAtMs, waiting.sentAtMs);
    waiting.settle(!hasLagged);
  }
}
