/** The markers of all jobs, the oldest first: those whose time is over are found without a look at the others. */
import type { Entry } from "./guarded-view.ts";

/** A marker, and the place where it was put. */
export interface Marker<State> {
  readonly state: State;
  readonly subject: string;
  readonly entry: Entry;
}

/** So many that were taken are left in the array before it is made anew. */
const TAKEN_MAX = 1_000;

export class Markers<State> {
  #markers: Marker<State>[] = [];
  /** How many of them were taken. */
  #taken = 0;

  /** The last one that was seen. */
  add(marker: Marker<State>): void {
    this.#markers.push(marker);
  }

  /** Takes the oldest one if it was seen before this instant, monotonic ms. */
  takeOlderThan(beforeMs: number): Marker<State> | undefined {
    const oldest = this.#markers[this.#taken];
    if (oldest === undefined || oldest.entry.seenAtMs >= beforeMs) return undefined;
    this.#taken++;
    if (this.#taken > TAKEN_MAX && this.#taken > this.#markers.length / 2) {
      this.#markers = this.#markers.slice(this.#taken);
      this.#taken = 0;
    }
    return oldest;
  }

  clear(): void {
    this.#markers = [];
    this.#taken = 0;
  }
}
