import { expect, test } from "vitest";
import { PolicySettings } from "../domain/policy.ts";
import { Run } from "../domain/run.ts";
import {
  assignedRun,
  contextOf,
  LICENCE,
  NOW,
  runningRun,
  sampleAgent,
  sampleRun,
  sampleSubmission,
  silentAgent,
  viewOf,
} from "../testing/sample-runs.ts";
import { decideSubmit } from "./submit.ts";
import type { Decision } from "./view.ts";

test("the write that accepts a run of an idle job already assigns it to an agent that can take it", () => {
  const { policy: _, ...asRecorded } = sampleSubmission();
  const decision = decideSubmit(viewOf(), sampleSubmission(), contextOf());
  expect(decision).toEqual({
    kind: "write",
    run: {
      ...asRecorded,
      v: 1,
      writeId: "w1",
      state: "pending",
      overlap: "reject",
      priority: 5,
      waitAtMostMs: 86_400_000,
      lostAfterMs: 3_600_000,
      graceMs: 10_000,
      onLost: "fail",
      retry: { count: 0 },
      timeoutMs: null,
      silenceMs: null,
      times: { submittedAt: NOW, pendingAt: NOW },
      attempts: [
        { number: 1, agent: "agent-a", licence: LICENCE, assignedAt: NOW, lostAfterMs: 3_600_000, graceMs: 10_000 },
      ],
    },
  });
  if (decision.kind === "write") expect(Run.parse(decision.run)).toEqual(decision.run);
});

test("an attempt of an overlapping job is never called lost for its silence", () => {
  const decision = decideSubmit(viewOf(), sampleSubmission({ policy: { overlap: "allow" } }), contextOf());
  expect(decision).toMatchObject({ kind: "write", run: { attempts: [{ lostAfterMs: null }] } });
});

test.each([
  ["an agent that nobody knows", []],
  ["an agent without a licence", [silentAgent()]],
])("a run for %s is accepted and waits for the agent", (_, agents) => {
  const decision = decideSubmit(viewOf(), sampleSubmission(), contextOf(agents));
  expect(decision).toMatchObject({ kind: "write", run: { state: "pending", waitingFor: "agent", attempts: [] } });
});

test("a run for an agent whose slots are all taken is accepted and waits for a slot", () => {
  const decision = decideSubmit(viewOf(), sampleSubmission(), contextOf([sampleAgent({ slots: 2, assigned: 2 })]));
  expect(decision).toMatchObject({ kind: "write", run: { state: "pending", waitingFor: "slot", attempts: [] } });
});

test.each([
  ["waits", sampleRun({ run: "live0001", waitingFor: "agent" }), "pending"],
  ["is assigned", assignedRun({ run: "live0001" }), "pending"],
  ["runs", runningRun({ run: "live0001" }), "running"],
])("while another run %s the submission is rejected with a warning that names it", (_, live, state) => {
  const decision = decideSubmit(viewOf(live), sampleSubmission(), contextOf());
  expect(decision).toMatchObject({
    kind: "reject",
    error: { code: "job-busy", field: "name", details: { run: "live0001", state, since: NOW, submittedBy: "ada" } },
  });
  if (decision.kind === "reject") expect(decision.error.message).toContain("“nightly” is busy: run live0001 of ada");
});

test("an ended run keeps the job busy while processes of it are left over", () => {
  const { attempts, times } = runningRun();
  const ended = { state: "cancelled" as const, reason: "cancelled-by" as const, times: { ...times, endedAt: NOW } };
  const live = runningRun({
    run: "live0001",
    ...ended,
    attempts: attempts.map((one) => ({ ...one, exit: { leftOverPids: [7] } })),
  });
  expect(decideSubmit(viewOf(live), sampleSubmission(), contextOf())).toMatchObject({
    kind: "reject",
    error: { code: "job-busy" },
  });
  const empty = { ...live, attempts: attempts.map((one) => ({ ...one, exit: { leftOverPids: [] } })) };
  expect(decideSubmit(viewOf(empty), sampleSubmission(), contextOf())).toMatchObject({ kind: "write" });
});

test("two runs overlap only if both allow it", () => {
  const submit = (live: "allow" | "reject", next: "allow" | "reject"): string =>
    decideSubmit(
      viewOf(runningRun({ run: "live0001", overlap: live })),
      sampleSubmission({ policy: { overlap: next } }),
      contextOf(),
    ).kind;
  expect(submit("allow", "allow")).toBe("write");
  expect(submit("allow", "reject")).toBe("reject");
  expect(submit("reject", "allow")).toBe("reject");
  expect(submit("reject", "reject")).toBe("reject");
});

test("the record has all that a submission says, also what only a newer server knows, and the whole policy but what is usual", () => {
  const said = { rerunOf: "run00009", parameters: { size: 1 }, news: { of: "later" } };
  const policy = { whenUnavailable: "reject", timeoutMs: 5_000 } as const;
  const decision = decideSubmit(viewOf(), { ...sampleSubmission({ policy }), ...said }, contextOf());
  const { run } = decision as Extract<Decision, { kind: "write" }>;
  expect(run).toMatchObject({ ...said, ...policy });
  expect(Object.keys(run)).toEqual(
    expect.arrayContaining(Object.keys(PolicySettings.shape).filter((key) => key !== "queueLimit")),
  );
  for (const key of ["policy", "isHeld", "dueAt", "queueLimit", "after", "slot"]) expect(run).not.toHaveProperty(key);
});

test("the record has what its job said of the line and of missing agents, where that is not the usual", () => {
  const accepted = (policy: PolicySettings): Run => {
    const definition = { v: 1, job: "nightly", writeId: "w", updatedAt: NOW, updatedBy: "ada", policy } as const;
    const decision = decideSubmit({ ...viewOf(), definition }, sampleSubmission(), contextOf());
    return (decision as Extract<Decision, { kind: "write" }>).run;
  };
  expect(accepted({ queueLimit: 7, whenUnavailable: "reject" })).toMatchObject({
    queueLimit: 7,
    whenUnavailable: "reject",
  });
  for (const key of ["queueLimit", "whenUnavailable"])
    expect(accepted({ queueLimit: 100, whenUnavailable: "wait" })).not.toHaveProperty(key);
});

test("the same request under the same key gives the run that there is, also when it makes the job busy", () => {
  const live = runningRun();
  expect(decideSubmit(viewOf(live), sampleSubmission(), contextOf())).toEqual({ kind: "known", run: live });
});

test("another request under the same key is a conflict", () => {
  const decision = decideSubmit(viewOf(runningRun()), sampleSubmission({ requestDigest: "other" }), contextOf());
  expect(decision).toMatchObject({
    kind: "reject",
    error: { code: "key-conflict", field: "key", details: { run: "run00001" } },
  });
});

test("a key answers for its run after that has finished, too", () => {
  const finished = sampleRun({ state: "completed", reason: "exit", times: { submittedAt: NOW, endedAt: NOW } });
  const again = decideSubmit(viewOf(), sampleSubmission(), { ...contextOf(), finished });
  expect(again).toEqual({ kind: "known", run: finished });
  const other = decideSubmit(viewOf(), sampleSubmission({ requestDigest: "other" }), { ...contextOf(), finished });
  expect(other).toMatchObject({ kind: "reject", error: { code: "key-conflict" } });
});

test("a run comes after every other one of its job that was submitted in the same millisecond", () => {
  const nthBeside = (...runs: Run[]): number | undefined => {
    const decision = decideSubmit(viewOf(...runs), sampleSubmission({ policy: { overlap: "queue" } }), contextOf());
    return decision.kind === "write" ? decision.run.nth : undefined;
  };
  const first = sampleRun({ run: "live0001", overlap: "queue" });
  expect(
    nthBeside(sampleRun({ run: "live0001", overlap: "queue", times: { submittedAt: "2026-01-01T00:00:00.000Z" } })),
  ).toBe(undefined);
  expect(nthBeside(first)).toBe(1);
  expect(nthBeside({ ...first, run: "live0002", nth: 4 }, first)).toBe(5);
});
