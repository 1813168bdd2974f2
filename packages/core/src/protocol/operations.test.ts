import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Attempt } from "../domain/attempt.ts";
import { runningRun } from "../testing/sample-runs.ts";
import { operations, streams } from "./operations.ts";
import { SubmitInput } from "./submit-input.ts";
import { viewOfRun } from "./views.ts";

const submit = (change: object): boolean =>
  SubmitInput.safeParse({ name: "nightly", script: "true", ...change }).success;

describe.each(Object.entries(operations))("operation %s", (_, operation) => {
  test("has a JSON schema of what goes in and of what comes out", () => {
    const input = z.toJSONSchema(operation.input, { io: "input" });
    const output = z.toJSONSchema(operation.output, { io: "output" });
    expect(input).toMatchObject({ type: "object" });
    expect(output).toMatchObject({ type: "object" });
    const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    expect(Object.keys(input.properties ?? {})).toEqual(expect.arrayContaining(inPath));
    expect(input.required ?? []).toEqual(expect.arrayContaining(inPath));
    expect(operation.summary).toMatch(/\.$/);
  });

  test("refuses a field that nobody knows", () => {
    const { issues = [] } = operation.input.safeParse({ colour: "red" }).error ?? {};
    expect(issues).toContainEqual(expect.objectContaining({ code: "unrecognized_keys", keys: ["colour"] }));
  });

  test("refuses a run's id that would lead elsewhere", () => {
    if (!operation.path.includes("{run}"))
      return expect(Object.keys(z.toJSONSchema(operation.input, { io: "input" }).properties ?? {})).not.toContain(
        "run",
      );
    for (const run of ["", "..", "a/b", "run00001.1", "RUN00001", ">"])
      expect(operation.input.safeParse({ run }).success).toBe(false);
    expect(operation.input.safeParse({ run: "run00001" }).success).toBe(true);
  });
});

test("no two operations have the same method and path", () => {
  const routes = Object.values(operations).map(({ method, path }) => `${method} ${path}`);
  expect(new Set(routes).size).toBe(routes.length);
});

test("a submission normalises the job's name and refuses what no host would take", () => {
  expect(SubmitInput.parse({ name: "  nightly ", script: "true" }).name).toBe("nightly");
  expect(submit({ env: { A_1: "x" }, overlap: "allow", key: "k", on: "host", interpreter: ["bash", "-e"] })).toBe(true);
  const refused = [
    { name: " " },
    { script: 1 },
    { env: { JOBS_RUN: "x" } },
    { env: { "A B": "x" } },
    { env: { "1A": "x" } },
    { env: { A: 1 } },
  ];
  const more = [
    { overlap: "sometimes" },
    { queueLimit: 0 },
    { queueLimit: 1_001 },
    { waitAtMostMs: 999 },
    { lostAfterMs: 179_999 },
    { graceMs: -1 },
    { onLost: "forget" },
    { hold: "yes" },
    { key: "" },
    { key: "k".repeat(257) },
    { on: "" },
    { interpreter: [] },
    { interpreter: [""] },
    { unknown: 1 },
  ];
  for (const change of [...refused, ...more]) expect([change, submit(change)]).toEqual([change, false]);
});

test.each<[object, string, string]>([
  [{ name: undefined }, "name", "the job's name is missing"],
  [{ name: 7 }, "name", "a job's name is a text"],
  [{ env: { JOBS_X: "1" } }, "env.JOBS_X", "names that begin with JOBS_ are reserved"],
  [{ env: { "1A": "1" } }, "env.1A", "a variable's name has letters, digits and _, and begins with no digit"],
  [{ env: [] }, "env", "Invalid input: expected record, received array"],
  [{ waitAtMostMs: 1e20 }, "waitAtMostMs", "it is a whole number of milliseconds, 1 second to 30 days"],
  [{ waitAtMostMs: 1_500.5 }, "waitAtMostMs", "it is a whole number of milliseconds, 1 second to 30 days"],
  [{ timeoutMs: 1 }, "timeoutMs", "it is a whole number of milliseconds, 1 second to 30 days, or null"],
  [{ priority: 10 }, "priority", "it is a whole number from 0 to 9"],
  [{ retry: { count: "1" } }, "retry.count", "it is a whole number from 0 to 20"],
])("what is wrong with a submission is said in words that help %#", (change, field, message) => {
  const [issue] = SubmitInput.safeParse({ name: "nightly", script: "true", ...change }).error?.issues ?? [];
  expect([issue?.path.join("."), issue?.message]).toEqual([field, message]);
});

test("a page of runs has a limit, also when it comes as text", () => {
  const { input } = operations.listRuns;
  expect(input.parse({})).toEqual({ limit: 50 });
  expect(input.parse({ limit: "7" })).toEqual({ limit: 7 });
  for (const limit of ["0", "501", "x", "1.5"]) expect(input.safeParse({ limit }).success).toBe(false);
});

test("the path of an artifact keeps its folders and escapes the rest", () => {
  expect(streams.artifact("run00001", "a b/c?#%.txt")).toBe("/v1/runs/run00001/artifacts/a%20b/c%3F%23%25.txt");
  expect(streams.follow("run00001")).toBe("/v1/runs/run00001/follow");
});

test("the view of a run is what the operations promise, without its inner parts", () => {
  const view = viewOfRun(runningRun({ cancel: { requestedAt: "2026-03-01T12:00:00.000Z", by: "bob" } }));
  expect(z.strictObject(operations.getRun.output.shape).parse(view)).toEqual(view);
  expect(view).toMatchObject({ run: "run00001", state: "running", on: "host-a", attempt: 1, cancelRequestedBy: "bob" });
});

test("a run whose last attempt was refused ended as the script did before it", () => {
  const [first] = runningRun().attempts as [Attempt];
  const refusal = { code: "no-room", message: "No room." } as const;
  const attempts = [
    { ...first, exit: { exitCode: 3 }, retryAt: first.assignedAt },
    { ...first, number: 2, refusal },
  ];
  const view = viewOfRun(runningRun({ state: "failed", reason: "exit", attempts }));
  expect(view).toMatchObject({ attempt: 2, exitCode: 3, sentence: expect.stringContaining("exit code 3") as string });
});

test("an audit is read though a newer server has written what this version does not know", () => {
  const entry = { v: 1, at: "2026-11-20T00:00:00Z", by: "olga", action: "quarantine", agent: "web-1" };
  expect(operations.listAudit.output.parse({ entries: [entry] })).toEqual({ entries: [entry] });
});
