import { expect, test } from "vitest";
import { attemptName } from "./attempt-record.ts";

test.each([
  ["run-1_a", 2, "run-1_a.2"],
  ["../etc", 1, "%2e%2e%2fetc.1"],
  ["a.1", 1, "a%2e1.1"],
  ["a\0b", 1, "a%0b.1"],
])("attempt of run %j, number %j, is named %j", (run, attempt, name) => {
  expect(attemptName(run, attempt)).toBe(name);
});
