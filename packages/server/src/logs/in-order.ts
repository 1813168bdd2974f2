import type { LogChunk } from "@jobs/core/jetstream";

/**
 * Makes one gapless stream of chunks that may come twice, overlap, or come after a later one that must come again: what
 * lies before the position is cut off, what lies beyond it is left out, because whoever sends a chunk again sends all
 * that follow it again, too.
 */
export class InOrder {
  #position: number;

  constructor(from: number) {
    this.#position = from;
  }

  /** The offset of the next byte that is wanted. */
  get position(): number {
    return this.#position;
  }

  /** The part of the chunk that comes next, if it has any. */
  take({ offset, bytes }: LogChunk): Uint8Array | undefined {
    const end = offset + bytes.length;
    if (offset > this.#position || end <= this.#position) return undefined;
    const part = bytes.subarray(this.#position - offset);
    this.#position = end;
    return part;
  }
}
