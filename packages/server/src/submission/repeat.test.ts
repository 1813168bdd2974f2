import type { JobDefinition, Run, Task } from "@jobs/core";
import type { ArtifactStore } from "@jobs/core/artifacts";
import { expect, test } from "vitest";
import { AT, sampleRun } from "../testing/sample-run.ts";
import { repeat, type Changes } from "./repeat.ts";

const body = JSON.stringify({ v: 1, script: "true", interpreter: ["bash"], env: {} });
const all = { kind: "all", labels: "web", atOnce: 2 } as const;

const KNOWN = { artifacts: {} as ArtifactStore, jobs: { findDefinition: () => undefined } };

/** Where a run of the given kind goes again; what it is to do is in its record. */
async function whereOf(change: Partial<Run>, changes: Changes = {}) {
  const run = sampleRun({ payload: { form: "plain", sha256: "00", sizeBytes: body.length, body }, ...change });
  const { on, only } = await repeat(run, changes, KNOWN);
  return { on, only };
}

test("a run for some of the hosts that match is repeated on these, before it has begun and after; another target is all of it", async () => {
  const on = { all: "web", atOnce: 2 };
  const agents = ["a1", "a2"];
  const only = ["a2"];
  expect(await whereOf({ target: { ...all, only } })).toEqual({ on, only });
  expect(await whereOf({ target: all, fanOut: { agents: only, isNarrowed: true } })).toEqual({ on, only });
  expect(await whereOf({ target: all, fanOut: { agents } })).toEqual({ on, only: undefined });
  expect(await whereOf({ target: all })).toEqual({ on, only: undefined });
  const elsewhere = { on: { all: "db" } };
  expect(await whereOf({ target: all, fanOut: { agents: only, isNarrowed: true } }, elsewhere)).toEqual({
    ...elsewhere,
    only: undefined,
  });
});

test("a run on all hosts that match is repeated with other limits, one or both, on the same hosts", async () => {
  const narrowed = { target: { ...all, maxFailed: "5%" }, fanOut: { agents: ["a2"], isNarrowed: true } };
  const again = (changes: Changes) => whereOf(narrowed, changes);
  const on = { all: "web", atOnce: 2, maxFailed: "5%" };
  expect(await again({ atOnce: "50%" })).toEqual({ on: { ...on, atOnce: "50%" }, only: ["a2"] });
  expect(await again({ maxFailed: 0 })).toEqual({ on: { ...on, maxFailed: 0 }, only: ["a2"] });
  expect(await again({ atOnce: 1, maxFailed: 9 })).toEqual({
    on: { all: "web", atOnce: 1, maxFailed: 9 },
    only: ["a2"],
  });
});

test.each<[string, Partial<Run>, Changes]>([
  ["atOnce", { target: { kind: "agent", agent: "a1", name: "web-1" } }, { atOnce: 1 }],
  ["maxFailed", { target: { kind: "any", labels: "web" } }, { maxFailed: 1 }],
  ["atOnce", { target: all }, { on: { all: "db" }, atOnce: 1 }],
  ["maxFailed", { target: all }, { on: "web-1", maxFailed: 1 }],
])("%s is refused where the run that is repeated has none, or another target is given", async (field, run, changes) => {
  await expect(whereOf(run, changes)).rejects.toMatchObject({ code: "invalid-request", field });
});

test("a run is repeated with the policy that it was accepted with, also when it would be refused by now", async () => {
  const retry = { count: 1, on: { signals: ["SIGKIL"] }, another: true };
  const run = sampleRun({ payload: { form: "plain", sha256: "00", sizeBytes: body.length, body }, retry });
  expect(await repeat(run, {}, KNOWN)).toMatchObject({ retry });
});

test("what its job says by now of the line and of missing agents is not asked for a run that had what is usual", async () => {
  const run = sampleRun({ payload: { form: "plain", sha256: "00", sizeBytes: body.length, body } });
  const usual = { whenUnavailable: "wait", queueLimit: 100 };
  expect(await repeat(run, {}, KNOWN)).toMatchObject(usual);
  const other = { whenUnavailable: "reject", queueLimit: 7 } as const;
  expect(await repeat({ ...run, ...other }, {}, KNOWN)).toMatchObject(other);
  expect(await repeat({ ...run, ...other }, { queueLimit: 9 }, KNOWN)).toMatchObject({ queueLimit: 9 });
});

test("the environment cannot set a parameter of the run, which stays as it was", async () => {
  const given = {
    v: 1,
    script: "true",
    interpreter: ["bash"],
    env: { TABLES: "all", HOME: "/" },
    parameters: { TABLES: "all" },
  };
  const text = JSON.stringify(given);
  const run = sampleRun({ payload: { form: "plain", sha256: "00", sizeBytes: text.length, body: text } });
  const task = { parameters: [{ name: "FORCE", type: "flag" }] } as unknown as Task;
  const definition: JobDefinition = {
    v: 1,
    job: run.job,
    writeId: "w",
    policy: {},
    task,
    updatedAt: AT,
    updatedBy: "ada",
  };
  const again = (env: Record<string, string>) =>
    repeat(run, { env }, { ...KNOWN, jobs: { findDefinition: () => definition } });
  for (const name of ["TABLES", "FORCE"])
    await expect(again({ HOME: "/tmp", [name]: "one" })).rejects.toMatchObject({
      code: "invalid-request",
      field: `env.${name}`,
    });
  expect(await again({ HOME: "/tmp" })).toMatchObject({ env: { HOME: "/tmp" }, given: { TABLES: "all" } });
});
