import type { Run } from "@jobs/core";
import type { ArtifactStore } from "@jobs/core/artifacts";
import { expect, test } from "vitest";
import { sampleRun } from "../testing/sample-run.ts";
import { repeat, type Changes } from "./repeat.ts";

const body = JSON.stringify({ v: 1, script: "true", interpreter: ["bash"], env: {} });
const all = { kind: "all", labels: "web", atOnce: 2 } as const;

/** Where a run of the given kind goes again; what it is to do is in its record. */
async function whereOf(change: Partial<Run>, changes: Changes = {}) {
  const run = sampleRun({ payload: { form: "plain", sha256: "00", sizeBytes: body.length, body }, ...change });
  const { on, only } = await repeat(run, changes, {} as ArtifactStore);
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

test("a run is repeated with the policy that it was accepted with, also when it would be refused by now", async () => {
  const retry = { count: 1, on: { signals: ["SIGKIL"] }, another: true };
  const run = sampleRun({ payload: { form: "plain", sha256: "00", sizeBytes: body.length, body }, retry });
  expect(await repeat(run, {}, {} as ArtifactStore)).toMatchObject({ retry });
});
