import { expect, test } from "vitest";
import { isVersionAtLeast } from "./version.ts";

test.each([
  ["2.15.0", true],
  ["2.15.1", true],
  ["2.16.0", true],
  ["3.0.0", true],
  ["v2.100.0", true],
  ["2.15.1-RC.1", true],
  ["2.15.0-RC.1", false],
  ["2.14.99", false],
  ["2.9.10", false],
  ["1.99.99", false],
  ["", false],
  ["devel", false],
])("version %j is at least 2.15.0: %j", (version, expected) => {
  expect(isVersionAtLeast(version, "2.15.0")).toBe(expected);
});
