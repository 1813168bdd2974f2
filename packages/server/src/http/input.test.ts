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

test.each(["", "n".repeat(201)])("a text that is looked for in names is no name: %j", (name) => {
  const fault = faultOf(() => parseInput(operations.listRuns.input, { name }));
  expect(fault).toMatchObject({ code: "invalid-request", field: "name" });
});

test.each([
  ["submitRun", { ...good, hold: "yes" }, "`hold` is not right: it is true or false"],
  [
    "submitRun",
    { ...good, overlap: "wait" },
    "`overlap` is not right: it is one of reject, queue, queue-latest, replace, allow",
  ],
  ["submitRun", { ...good, interpreter: [] }, "`interpreter` is not right: it is empty"],
  ["submitRun", { ...good, env: { A: 1 } }, "`env.A` is not right: it is a text"],
  ["submitRun", { name: "a" }, "`script` is not right: it is missing"],
  [
    "submitRun",
    { ...good, on: { all: "a", atOnce: "0%" } },
    'atOnce is a whole number of hosts, at least 1, or a percentage such as "25%".',
  ],
  ["pauseAll", { note: "x".repeat(1_001) }, "`note` is not right: it has at most 1000 characters"],
  ["listRuns", { limit: "many" }, "`limit` is not right: it is a number"],
  ["listRuns", { limit: "501" }, "`limit` is not right: it is at most 500"],
  [
    "previewSchedule",
    { schedule: { id: "a", cron: "@daily" }, from: "now" },
    "`from` is not right: from is an instant with seconds and an offset, e.g. 2026-12-01T02:30:00Z or 2026-12-01T02:30:00+01:00.",
  ],
] as const)("what is wrong is said in words for people: %s %j", (name, given, message) => {
  expect(faultOf(() => parseInput(operations[name].input, given)).message).toBe(message);
});

test("a preview begins in the years of schedules", () => {
  for (const from of ["1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T00:00:00Z"])
    expect(
      faultOf(() => parseInput(operations.previewSchedule.input, { schedule: { id: "a", cron: "@daily" }, from })),
    ).toMatchObject({ code: "invalid-request", field: "from" });
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
