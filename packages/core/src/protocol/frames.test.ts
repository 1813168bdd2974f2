import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeLogFrame, encodeLogFrame, ServerFrame } from "./frames.ts";

test("a frame of the log comes back as it was, also out of the middle of a larger buffer", () => {
  const frame = fc.record({ offset: fc.maxSafeNat(), bytes: fc.uint8Array() });
  fc.assert(
    fc.property(frame, fc.nat(9), ({ offset, bytes }, shift) => {
      const encoded = encodeLogFrame({ attempt: 3, offset, bytes });
      const around = new Uint8Array(encoded.length + shift + 3);
      around.set(encoded, shift);
      const decoded = decodeLogFrame(around.subarray(shift, shift + encoded.length));
      expect(decoded).toMatchObject({ attempt: 3, offset });
      expect([...decoded.bytes]).toEqual([...bytes]);
    }),
  );
});

test("the offset is eight bytes, the highest first, as the protocol says", () => {
  expect([...encodeLogFrame({ attempt: 5, offset: 258, bytes: Uint8Array.of(7) })]).toEqual([
    0, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 2, 7,
  ]);
});

test("what is too short to be a frame is refused", () => {
  expect(() => decodeLogFrame(new Uint8Array(15))).toThrow(RangeError);
  expect(() => decodeLogFrame(new Uint8Array(16))).toThrow(RangeError); // of kind 0
});

test("a server's text frames are told apart by their type", () => {
  expect(ServerFrame.parse({ type: "caught-up", offset: 3 })).toEqual({ type: "caught-up", offset: 3 });
  expect(ServerFrame.parse({ type: "log-end", lengthBytes: 3, complete: false, missing: [[0, 1]] })).toMatchObject({
    complete: false,
  });
  expect(ServerFrame.safeParse({ type: "other" }).success).toBe(false);
  expect(ServerFrame.safeParse({ type: "caught-up", offset: -1 }).success).toBe(false);
});
