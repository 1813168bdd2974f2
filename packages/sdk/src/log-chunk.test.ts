import fc from "fast-check";
import { expect, test } from "vitest";
import { LogChunker, type LogChunk } from "./log-chunk.ts";

/** Bytes in which characters of every length, cut ones and what is no UTF-8 at all are all likely. */
const logs = fc
  .array(
    fc.oneof(
      fc.constantFrom("a", "ñ", "—", "🚀", "\uFEFF").map((text) => [...Buffer.from(text)]),
      fc.constantFrom(0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf).map((byte) => [byte]),
      fc.constantFrom(0xc0, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xf5).map((byte) => [byte]),
    ),
    { maxLength: 30 },
  )
  .map((pieces) => Uint8Array.from(pieces.flat()));

const lengths = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 });

/** All chunks of a log that comes in frames of these lengths, and the rest. */
function chunksOf(log: Uint8Array, frameLengths: readonly number[], from = 0): LogChunk[] {
  const chunker = new LogChunker(from);
  const chunks: LogChunk[] = [];
  let at = 0;
  for (const length of [...frameLengths, log.length]) {
    const bytes = log.subarray(at, at + length);
    chunks.push(chunker.chunk({ attempt: 1, offset: from + at, bytes }));
    at += bytes.length;
  }
  const rest = chunker.rest();
  return rest === undefined ? chunks : [...chunks, rest];
}

test("a text is what a decoder of the stream gives at its place, in whatever order the texts are asked for", () => {
  fc.assert(
    fc.property(logs, lengths, fc.infiniteStream(fc.nat()), (log, frameLengths, ranks) => {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      const chunks = chunksOf(log, frameLengths);
      const order = chunks.map((chunk) => ({ chunk, rank: ranks.next().value ?? 0 }));
      const texts = new Map<LogChunk, string>();
      for (const { chunk } of order.toSorted((a, b) => a.rank - b.rank)) texts.set(chunk, chunk.text);
      const streamed = chunks.map(({ bytes }) => decoder.decode(bytes, { stream: true }));
      streamed[streamed.length - 1] += decoder.decode();
      expect(chunks.map((chunk) => texts.get(chunk))).toEqual(streamed);
    }),
    { numRuns: 2_000 },
  );
});

test("a character that a gap cuts is in the text behind the gap as U+FFFD, whichever texts are read", () => {
  const chunker = new LogChunker(7);
  const first = chunker.chunk({ attempt: 1, offset: 7, bytes: Uint8Array.of(0x61, 0xf0, 0x9f) });
  const second = chunker.chunk({ attempt: 1, offset: 20, bytes: Uint8Array.of(0x9a, 0x62) });
  expect(second.text).toBe("\uFFFD\uFFFDb");
  expect(first.text).toBe("a");
  expect(chunker.rest()).toBeUndefined();
});

test("a log that ends in the middle of a character has one more chunk, once", () => {
  const chunker = new LogChunker(0);
  chunker.chunk({ attempt: 1, offset: 0, bytes: Uint8Array.of(0xe2) });
  chunker.chunk({ attempt: 1, offset: 1, bytes: Uint8Array.of(0x82) });
  expect(chunker.rest()).toEqual({ attempt: 1, offset: 2, bytes: new Uint8Array(), text: "\uFFFD" });
  expect(chunker.rest()).toBeUndefined();
});

test("a copy of a chunk has its text", () => {
  const chunk = new LogChunker(0).chunk({ attempt: 1, offset: 0, bytes: Buffer.from("ñ") });
  expect({ ...chunk }).toMatchObject({ offset: 0, text: "ñ" });
  expect(JSON.parse(JSON.stringify(chunk))).toMatchObject({ offset: 0, text: "ñ" });
});
