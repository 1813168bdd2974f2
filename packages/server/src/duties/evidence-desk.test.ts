import type { Evidence, Run } from "@jobs/core";
import { expect, test } from "vitest";
import { AT, sampleAttempt, sampleEvidence, sampleRun } from "../testing/sample-run.ts";
import { EvidenceDesk } from "./evidence-desk.ts";

const run = sampleRun({
  state: "running",
  attempts: [sampleAttempt(), sampleAttempt({ number: 2, agent: "beta" })],
});

function evidence(change: Partial<Evidence> = {}): Evidence {
  return sampleEvidence(run, { attempt: 2, ...change });
}

test("evidence of an agent that no attempt of the run names is not taken", () => {
  const desk = new EvidenceDesk({ findRun: () => run });
  expect(desk.take("gamma", evidence())).toBe(false);
  expect(desk.find(run.run, sampleAttempt({ number: 2, agent: "gamma" }))).toBeUndefined();
  expect(desk.findUndecided(run)).toBeUndefined();
});

test("evidence of the agent of another attempt says nothing of this one", () => {
  const desk = new EvidenceDesk({ findRun: () => run });
  expect(desk.take("alpha", evidence())).toBe(false);
  expect(desk.findUndecided(run)).toBeUndefined();
  const told = evidence({ revision: 2 });
  expect(desk.take("beta", told)).toBe(true);
  expect(desk.findUndecided(run)).toBe(told);
});

test("what a host said of an earlier attempt stays beside what it says of a later one", () => {
  const tried: Run = {
    ...run,
    attempts: [sampleAttempt({ agent: "beta", retryAt: AT }), sampleAttempt({ number: 2, agent: "beta" })],
  };
  const desk = new EvidenceDesk({ findRun: () => tried });
  expect(desk.take("beta", evidence())).toBe(true);
  expect(desk.take("beta", evidence({ attempt: 1, revision: 9 }))).toBe(true);
  expect(desk.take("beta", evidence({ attempt: 1, revision: 8 }))).toBe(false);
  expect(tried.attempts.map((one) => desk.find(run.run, one)?.attempt)).toEqual([1, 2]);
});

test("evidence that comes before its run counts once the run is there, for the agent that it names", () => {
  const known = new Map<string, Run>();
  const desk = new EvidenceDesk({ findRun: (id) => known.get(id) });
  expect(desk.take("gamma", evidence())).toBe(true);
  known.set(run.run, run);
  expect(desk.findUndecided(run)).toBeUndefined();
  expect(desk.take("beta", evidence())).toBe(true);
  expect(desk.findUndecided(run)).toMatchObject({ phase: "exited" });
});
