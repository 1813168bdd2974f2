import { expect, it } from "vitest";
import { instantOf } from "./instant.ts";

it("writes each instant as itself, those that share a place included", () => {
  const instants = [0, 1, 64, -64, 63, -1, 1_796_092_200_123, 1_796_092_200_123 + 64, 1.5, 64];
  for (const ms of [...instants, ...instants]) expect(instantOf(ms)).toBe(new Date(ms).toISOString());
});

it("refuses what is no instant, each time", () => {
  for (const _ of [1, 2]) expect(() => instantOf(Number.NaN)).toThrow(RangeError);
});
