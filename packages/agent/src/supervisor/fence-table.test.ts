import { expect, test } from "vitest";
import { FenceTable } from "./fence-table.ts";

test("a fence must exceed the highest of its job", () => {
  const fences = new FenceTable();
  expect(fences.isStale("a", { epoch: "e1", sequence: 5 })).toBe(false);
  fences.raise("a", { epoch: "e1", sequence: 5 });
  expect(fences.isStale("a", { epoch: "e1", sequence: 5 })).toBe(true);
  expect(fences.isStale("a", { epoch: "e1", sequence: 6 })).toBe(false);
  expect(fences.isStale("b", { epoch: "e1", sequence: 1 })).toBe(false);
});

test("an epoch not met before is newer, and one met earlier is older for every job", () => {
  const fences = new FenceTable();
  fences.raise("a", { epoch: "old", sequence: 500 });
  expect(fences.isStale("a", { epoch: "new", sequence: 1 })).toBe(false);
  fences.raise("a", { epoch: "new", sequence: 1 });
  expect(fences.isStale("a", { epoch: "old", sequence: 501 })).toBe(true);
  expect(fences.entries()).toEqual([["a", { epoch: "new", sequence: 1 }]]);
});

test("a stale fence lowers nothing", () => {
  const fences = new FenceTable();
  fences.raise("a", { epoch: "e1", sequence: 5 });
  fences.raise("a", { epoch: "e1", sequence: 3 });
  expect(fences.entries()).toEqual([["a", { epoch: "e1", sequence: 5 }]]);
});
