/**
 * A server's instants on this host's clock, though the two clocks may be any time apart.
 *
 * What comes from a server says when it was sent: how late that is by this clock is the difference of the clocks and the
 * time on the way. Of several such delays the least has the least of the way in it, and never less than the difference of
 * the clocks; so an instant that is moved by it comes late by the fastest way, and not early, as long as neither clock is
 * set and the server stays the same: else by {@link NEAR_MS} at most. A message that was slow by more comes late by all of it.
 */

/** Delays that are looked at. Clocks are set: one that is more below the newest is of another time. */
const KEPT = 50;
const NEAR_MS = 20;

export class ServerTime {
  readonly #delaysMs: number[] = [];

  /** Takes in that a message came just now. Milliseconds since 1970, `sentMs` by the server's clock. */
  onMessage(sentMs: number, nowMs: number): void {
    this.#delaysMs.push(nowMs - sentMs);
    if (this.#delaysMs.length > KEPT) this.#delaysMs.shift();
  }

  /** What an instant of the server that sent the newest message is on this host's clock; milliseconds since 1970. */
  onHostMs(serverMs: number): number {
    const newest = this.#delaysMs.at(-1) ?? 0;
    return serverMs + Math.min(...this.#delaysMs.filter((delay) => delay > newest - NEAR_MS));
  }
}
