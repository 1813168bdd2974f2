import { JobsError, operations, SubmitInput } from "@jobs/core";
import { expect, test } from "vitest";
import { parseInput } from "./input.ts";

const good = { name: "a", script: "true" };

test.each([
  [{ ...good, script: undefined }, "script-missing", "script"],
  [{ ...good, script: 7 }, "invalid-request", "script"],
  [{ ...good, name: "" }, "name-invalid", "name"],
  [{ ...good, key: "" }, "key-invalid", "key"],
  [{ ...good, colour: "red" }, "invalid-request", "colour"],
  [{ ...good, retry: { count: 1.5 } }, "invalid-request", "retry.count"],
  [{ ...good, env: { JOBS_RUN: "x" } }, "invalid-request", "env.JOBS_RUN"],
  [{ ...good, on: { any: "zone >= 3" } }, "invalid-request", "on.any"],
  [null, "invalid-request", undefined],
  ["a", "invalid-request", undefined],
])("what is wrong with a submission is named by its whole path %#", (given, code, field) => {
  expect(faultOf(() => parseInput(SubmitInput, given))).toMatchObject({ code, field });
});

const many = Array.from({ length: 1_001 }, (_, index) => index);

test.each([
  ["env", { env: Object.fromEntries(many.map((one) => [`1 ${one}`, "x"])) }],
  ["interpreter", { interpreter: many }],
  ["after.runs", { after: { runs: many } }],
  ["retry.exitCodes", { retry: { count: 1, exitCodes: many } }],
])("what has very many entries is refused before each of them is looked at: %s", (field, change) => {
  expect(faultOf(() => parseInput(SubmitInput, { ...good, ...change }))).toMatchObject({
    code: "invalid-request",
    field,
    message: expect.stringContaining("more than 1000 entries") as string,
  });
});

test.each([
  [{ task: {} }, "invalid-request", "task.script"],
  [{ task: { script: 7 } }, "invalid-request", "task.script"],
  [{ policy: { colour: 1 } }, "invalid-request", "policy.colour"],
  [{ schedules: [{ id: "a", every: { ms: 1 } }] }, "invalid-request", "schedules.0.every.ms"],
])("what is wrong with what is said of a job, too %#", (given, code, field) => {
  const { input } = operations.saveJob;
  expect(faultOf(() => parseInput(input, { name: "a", ...given }))).toMatchObject({ code, field });
});

test("a field that there is not is `invalid-request`, also when other operations have one of its name", () => {
  for (const field of ["name", "key", "script"])
    expect(faultOf(() => parseInput(operations.pauseAll.input, { [field]: "" }))).toMatchObject({
      code: "invalid-request",
      field,
    });
});

function faultOf(act: () => unknown): JobsError {
  try {
    act();
  } catch (error) {
    if (error instanceof JobsError) return error;
    throw error;
  }
  throw new Error("it was taken");
}
