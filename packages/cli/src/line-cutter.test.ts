import fc from "fast-check";
import { expect, test } from "vitest";
import { LINE_MAX, LineCutter } from "./line-cutter.ts";

test("a line is given once it is whole, what has no end at the end of the text", () => {
  const cutter = new LineCutter();
  expect(cutter.take("on")).toEqual([]);
  expect(cutter.take("e\r\n\ntw")).toEqual(["one", ""]);
  expect(cutter.take("o\r")).toEqual([]);
  expect(cutter.take("\n10%\r20%")).toEqual(["two"]);
  expect(cutter.end()).toEqual(["10%\r20%"]);
  expect(cutter.end()).toEqual([]);
});

test("no character is lost, and none is in two lines, however a text comes in pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[ab\n]*$/)), (pieces) => {
      const cutter = new LineCutter();
      const lines = [...pieces.flatMap((piece) => cutter.take(piece)), ...cutter.end()];
      expect(lines.map((line) => `${line}\n`).join("")).toBe(pieces.join("").replace(/([^\n])$/, "$1\n"));
    }),
  );
});

test("a line that does not end is given in pieces, so that what is kept of it is bounded", () => {
  const cutter = new LineCutter();
  expect(cutter.take("x".repeat(LINE_MAX))).toEqual([]);
  expect(cutter.take("x")).toEqual(["x".repeat(LINE_MAX + 1)]);
  expect(cutter.take("y\n")).toEqual(["y"]);
});
