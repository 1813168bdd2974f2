/**
 * A server's instants on this host's clock, though the two clocks may be any time apart.
 *
 * What comes from a server says when it was sent: how late that is by this clock is the difference of the clocks and the
 * time on the way. Of several such delays the least has the least of the way in it, and never less than the difference of
 * the clocks; so an instant that is moved by it comes late by the fastest way, and not early, as long as neither clock is
 * set and the server stays the same: else by {@link NEAR_MS} at most. A message that was slow by more comes late by all of it.
 */

/** Delays that are looked at, by their number and their age in milliseconds: clocks drift. */
const KEPT = 50;
const KEPT_FOR_MS = 60_000;
/** Clocks are set: one that is more below the newest is of another time. Milliseconds. */
const NEAR_MS = 20;
/** A host's clock that is behind by less is taken for right: a script of midnight must not find the day before. Milliseconds. */
const BEHIND_MS = 100;

export class ServerTime {
  #delays: readonly { readonly ms: number; readonly takenAtMs: number }[] = [];

  /** Takes in that a message came just now. Milliseconds since 1970, `sentMs` by the server's clock. */
  onMessage(sentMs: number, nowMs: number): void {
    const takenAtMs = performance.now();
    const recent = this.#delays.filter((one) => takenAtMs - one.takenAtMs < KEPT_FOR_MS);
    this.#delays = [...recent, { ms: nowMs - sentMs, takenAtMs }].slice(-KEPT);
  }

  /** How far this host's clock is ahead, and the fastest way; undefined while no message has come. */
  get aheadMs(): number | undefined {
    const newest = this.#delays.at(-1)?.ms;
    if (newest === undefined) return undefined;
    return this.#delays.reduce((one, { ms }) => (ms > newest - NEAR_MS ? Math.min(one, ms) : one), newest);
  }

  /** What an instant of the server that sent the newest message is on this host's clock; milliseconds since 1970. */
  onHostMs(serverMs: number): number {
    const least = this.aheadMs ?? 0;
    return least < 0 && least > -BEHIND_MS ? serverMs : serverMs + least;
  }
}
