import { JobsError, SubmitInput, type ParameterValues } from "@jobs/core";
import { expect, test } from "vitest";
import { sampleAgent, sampleAgents } from "../testing/sample-agents.ts";
import { accept, type AcceptOptions } from "./accept.ts";

const options = {
  agents: { resolve: () => ({ kind: "agent", agent: "alpha-id", name: "alpha" }), matching: () => [] },
  syntax: { check: () => Promise.resolve() },
  artifacts: {},
  runs: {
    get: (run: string) => Promise.resolve({ job: "before", run }),
    findLatest: () => undefined,
    seeAccepted: () => Promise.resolve(),
    erasedAt: () => 0,
  },
  nowMs: () => Date.parse("2026-11-30T12:00:00Z"),
} as unknown as AcceptOptions;

const at = "2026-12-01T02:30:00+01:00";
const after = { runs: ["0000000000000000000run"] };

// A server of any version must find the same digest: else a key that comes again is told that it asks for something else.
test.each([
  [{}, undefined, "9fc50790d75b60bcf34cc08d9ffb71d07a26818d25294fb5e5c643b46d004ff9"],
  [
    { queueLimit: 7, priority: 9, overlap: "queue", graceMs: 1_000 },
    undefined,
    "3d675652f213592400f11d35c24037d40f4968a04545a9de244573b4cd801848",
  ],
  [{ at, after, hold: true }, undefined, "8394e73c1e6b73c71da483c0c677d4c6174e3489041596a2dfe48e4d6fc78089"],
  [
    { env: { B: "2", A: "1" }, interpreter: ["sh", "-e"] },
    { Z: 1, C: true },
    "0d97c113c1313961f2d69567411b36462614e5f3893af1b1411807b89eab928e",
  ],
])("what was asked for has the digest that it always had %#", async (asked, given, digest) => {
  const input = SubmitInput.parse({ name: "nightly", script: "echo hi", on: "alpha", key: "k", ...asked });
  const { requestDigest, run } = await accept({ ...input, given }, "ada", options);
  expect(requestDigest).toBe(digest);
  expect(run).toBe("1bibmm8dxld5c9u0h9zri");
});

test.each<[string, Record<string, unknown>, string]>([
  ["a variable with a NUL byte", { env: { A: "a\0b" } }, "env.A"],
  ["a variable of 200 kB", { env: { A: "x".repeat(200_000) } }, "env.A"],
  ["more than 1 MiB of variables, with what parameters became", { given: filled("B"), env: filled("A") }, "env"],
  ["an interpreter with a NUL byte", { interpreter: ["ba\0sh"] }, "interpreter"],
  ["a #! line of 200 kB", { script: `#!/bin/sh ${"x".repeat(200_000)}\ntrue` }, "script"],
])("%s is refused before anything is stored", async (_, { given, ...asked }, field) => {
  const input = SubmitInput.parse({ name: "nightly", script: "echo hi", on: "alpha", ...asked });
  const refused = accept({ ...input, given: given as ParameterValues | undefined }, "ada", options);
  await expect(refused).rejects.toMatchObject({ code: "invalid-request", field });
});

test.each([
  [{ runs: ["0000000000000000000run", "000000000000000nosuch"] }, "run-unknown", "after.runs.1"],
  [{ runs: [], jobs: ["no such job"] }, "job-unknown", "after.jobs.0"],
])("which of those to wait for is unknown is said %#", async (names, code, field) => {
  const get = (run: string) =>
    run === "000000000000000nosuch" ? Promise.reject(new JobsError("run-unknown", "Unknown.")) : options.runs.get(run);
  const input = SubmitInput.parse({ name: "nightly", script: "echo hi", on: "alpha", after: names });
  const refused = accept(input, "ada", { ...options, runs: { ...options.runs, get } });
  await expect(refused).rejects.toMatchObject({ code, field });
});

test.each([
  [{ interpreter: ["nosuchprog"] }, "interpreter"],
  [{ script: "#!/usr/bin/env nosuchprog\n1" }, "script"],
])("a program that the host has not is missing where it was named %#", async (asked, field) => {
  const agents = sampleAgents(sampleAgent("alpha"));
  const where = { agent: "alpha", name: "alpha", slots: 1, labels: {}, path: ["/bin"], programs: ["bash"] };
  agents.onReport("alpha", { v: 1, version: "1.0.0", ...where });
  const input = SubmitInput.parse({ name: "nightly", script: "echo hi", on: "alpha", ...asked });
  const refused = accept(input, "ada", { ...options, agents });
  await expect(refused).rejects.toMatchObject({ code: "interpreter-missing", field });
});

/** 512 KiB. */
function filled(prefix: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 8 }, (_, index) => [prefix + index, "x".repeat(64 * 1024)]));
}

test("a payload that is kept for itself is refreshed by each submission, or stored again where it has gone", async () => {
  const stored: string[] = [];
  let isThere = false;
  const artifacts = {
    findSize: () => Promise.resolve(stored.length === 0 ? undefined : sizeBytes),
    refresh: () => Promise.resolve(isThere),
    put: (key: string) => Promise.resolve(void stored.push(key)),
  } as unknown as AcceptOptions["artifacts"];
  const input = SubmitInput.parse({ name: "nightly", script: `echo ${"x".repeat(9_000)}`, on: "alpha" });
  let sizeBytes = 0;
  const submit = async (): Promise<void> => {
    const { payload } = await accept(input, "ada", { ...options, artifacts });
    expect(payload.body).toBeUndefined();
    ({ sizeBytes } = payload);
  };
  await submit();
  expect(stored).toHaveLength(1);
  isThere = true;
  await submit();
  expect(stored).toHaveLength(1);
  isThere = false;
  await submit();
  expect(stored).toEqual([stored[0], stored[0]]);
});
