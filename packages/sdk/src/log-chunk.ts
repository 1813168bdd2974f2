import type { LogFrame } from "@jobs/core";

/** A piece of a run's log. */
export interface LogChunk {
  /** The attempt whose log it is of, from 1: each has a log of its own, and a later one begins at offset 0 again. */
  readonly attempt: number;
  /** Where it begins, bytes from the log's start. Higher than where the piece before ended only if those bytes are lost. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /**
   * The bytes as UTF-8. A character that is cut by the border of two pieces is in the text of the second; what is not
   * UTF-8 becomes U+FFFD. So all texts joined are the text of all bytes. Decoded when it is asked for.
   */
  readonly text: string;
}

const NO_BYTES = new Uint8Array();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Makes chunks of one reader's frames, in order. From chunk to chunk it carries only the beginning of a character that
 * the border cuts, at most three bytes: so each text can be decoded by itself, in any order, or never.
 */
export class LogChunker {
  /** What of the chunks so far is not in their texts yet. */
  #cut: Uint8Array = NO_BYTES;
  #endOffset: number;
  #attempt: number | undefined;

  constructor(from: number) {
    this.#endOffset = from;
  }

  chunk({ attempt, offset, bytes }: LogFrame): LogChunk {
    // Where another log begins the one before ends, perhaps in the middle of a character.
    const isGap = offset > this.#endOffset || (this.#attempt !== undefined && attempt !== this.#attempt);
    this.#attempt = attempt;
    const lost = isGap ? this.#cut : NO_BYTES;
    const before = isGap ? NO_BYTES : this.#cut;
    const cut = cutCharacter(bytes.length < 3 ? join(before, bytes) : bytes);
    this.#cut = cut;
    this.#endOffset = offset + bytes.length;
    return new LazyChunk({ attempt, offset, bytes }, () => {
      const whole = join(before, bytes);
      return DECODER.decode(lost) + DECODER.decode(whole.subarray(0, whole.length - cut.length));
    });
  }

  /** The piece without bytes that ends a text in the middle of a character; undefined when it ended well. */
  rest(): LogChunk | undefined {
    const cut = this.#cut;
    this.#cut = NO_BYTES;
    return cut.length === 0
      ? undefined
      : new LazyChunk({ attempt: this.#attempt ?? 1, offset: this.#endOffset, bytes: NO_BYTES }, () =>
          DECODER.decode(cut),
        );
  }
}

/** Decodes when it is asked, once. One getter for all: one made for each chunk costs more than the decoding. */
class LazyChunk implements LogChunk {
  static readonly #textGetter = {
    enumerable: true,
    get(this: LazyChunk): string {
      return (this.#text ??= this.#decode());
    },
  };

  readonly attempt: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  declare readonly text: string;
  readonly #decode: () => string;
  #text: string | undefined;

  constructor({ attempt, offset, bytes }: LogFrame, decode: () => string) {
    this.attempt = attempt;
    this.offset = offset;
    this.bytes = bytes;
    this.#decode = decode;
    // Its own, so that copies of the chunk have it.
    Object.defineProperty(this, "text", LazyChunk.#textGetter);
  }
}

/** A copy of the beginning of a character with which the bytes end; empty when they end with a whole one, or with none. */
function cutCharacter(bytes: Uint8Array): Uint8Array {
  for (let at = bytes.length - 1; at >= 0 && at >= bytes.length - 3; at--) {
    if (isContinuation(bytes[at]!)) continue;
    return isBeginning(bytes.subarray(at)) ? bytes.slice(at) : NO_BYTES;
  }
  return NO_BYTES;
}

/** Whether more bytes could make these a character: a decoder takes anything else for an error already (Unicode 16, table 3-7). */
function isBeginning(bytes: Uint8Array): boolean {
  const [first = 0, second] = bytes;
  if (first < 0xc2 || first > 0xf4) return false;
  const lengthBytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (bytes.length >= lengthBytes) return false;
  if (second === undefined) return true;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  return second >= lowest && second <= highest;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
