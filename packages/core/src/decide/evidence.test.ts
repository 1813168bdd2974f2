import { describe, expect, test } from "vitest";
import type { AttemptExit, Refusal } from "../domain/attempt.ts";
import type { Evidence } from "../domain/evidence.ts";
import { isBusy, type Run } from "../domain/run.ts";
import {
  after,
  AGENT,
  assignedRun,
  contextOf,
  NOW,
  runningRun,
  sampleEvidence,
  sampleRun,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { decideEvidence } from "./evidence.ts";
import type { Decision } from "./view.ts";

const NOTHING = { kind: "nothing" };

function decide(run: Run, change: Partial<Evidence>, agent = AGENT): Decision {
  return decideEvidence(
    viewOf(run),
    { agent, evidence: sampleEvidence(change) },
    contextOf(undefined, { now: after(100) }),
  );
}

function exited(exit: AttemptExit, run = runningRun()): Run {
  return written(decide(run, { phase: "exited", exitedAt: after(50), exit, log: { lengthBytes: 3, sha256: "x" } }));
}

function refused(code: Refusal["code"], run = assignedRun()): Run {
  return written(decide(run, { phase: "refused", refusal: { code, message: "No." } }));
}

test("an attempt that started makes its run running; the start is the host's time, the state's is the server's", () => {
  const run = written(decide(assignedRun(), { phase: "started" }));
  expect(run).toMatchObject({
    state: "running",
    writeId: "w1",
    attempts: [{ startedAt: after(5) }],
    times: { runningAt: after(100) },
  });
  expect(decide(run, { phase: "started" })).toEqual(NOTHING);
  expect(decide(assignedRun(), { phase: "accepted" })).toEqual(NOTHING);
});

test.each([
  ["as its host says, whatever its clock", 3_600_000, 5],
  ["not before it was assigned", 3_700_000, 0],
  ["not later than it is told", 3_400_000, 100],
])("a run began %s, by the server's clock", (_, clockAheadMs, ms) => {
  const told = { startedAt: after(3_600_005), clockAheadMs };
  expect(written(decide(assignedRun(), { phase: "started", ...told })).times.runningAt).toBe(after(ms));
  const short = written(decide(assignedRun(), { phase: "exited", exitedAt: after(3_600_009), exit: {}, ...told }));
  expect(short.times).toMatchObject({ runningAt: after(ms), endedAt: after(100) });
});

test.each<[string, AttemptExit, Partial<Run>]>([
  ["exit code 0", { exitCode: 0 }, { state: "completed", reason: "exit" }],
  ["another exit code", { exitCode: 3 }, { state: "failed", reason: "exit" }],
  ["a signal", { signal: "SIGSEGV" }, { state: "failed", reason: "signal" }],
  ["an end that nobody saw", {}, { state: "failed", reason: "exit" }],
  ["a cancellation", { signal: "SIGTERM", cause: "cancelled" }, { state: "cancelled", reason: "cancelled-by" }],
  ["too long without contact", { signal: "SIGKILL", cause: "no-contact" }, { state: "failed", reason: "lost" }],
  ["a stop of the host", { signal: "SIGTERM", cause: "host-stopped" }, { state: "failed", reason: "host-stopped" }],
  ["a restart of the host", { cause: "host-restarted" }, { state: "failed", reason: "host-restarted" }],
  ["the supervisor's end", { cause: "supervisor-ended" }, { state: "failed", reason: "supervisor-ended" }],
])("a script that ended by %s gives the run its state and reason", (_, exit, wanted) => {
  const run = exited(exit);
  expect(run).toMatchObject({ ...wanted, times: { runningAt: NOW, endedAt: after(100) } });
  expect(run.attempts).toMatchObject([
    { startedAt: after(5), exitedAt: after(50), exit, log: { lengthBytes: 3, sha256: "x" } },
  ]);
  expect(isBusy(run)).toBe(false);
});

test("an exit whose start was never heard of ends the run all the same, with every time set", () => {
  const run = exited({ exitCode: 0 }, assignedRun({ waitingFor: "agent" }));
  expect(run).toMatchObject({ state: "completed", times: { runningAt: after(100), endedAt: after(100) } });
  expect(run.waitingFor).toBeUndefined();
});

test("what a script did by itself counts, though somebody had asked to cancel it", () => {
  const cancel = { requestedAt: NOW, by: "bob" };
  expect(exited({ exitCode: 0 }, runningRun({ cancel }))).toMatchObject({ state: "completed", reason: "exit", cancel });
  expect(exited({ exitCode: 1 }, runningRun({ cancel }))).toMatchObject({ state: "failed", reason: "exit" });
});

describe("a refusal", () => {
  test.each<Refusal["code"]>(["no-licence", "no-room", "held", "stopping", "never-started"])(
    "by %s passes: the run waits again",
    (code) => {
      const run = refused(code);
      expect(run).toMatchObject({
        state: "pending",
        waitingFor: code === "no-room" ? "slot" : "agent",
        attempts: [{ exitedAt: after(100), refusal: { code } }],
      });
      expect(isBusy(run)).toBe(true);
    },
  );

  test.each<Refusal["code"]>(["cancelled", "interpreter-missing", "payload-invalid", "spawn-failed"])(
    "by %s is final",
    (code) => {
      const run = refused(code);
      expect(run).toMatchObject({ state: "failed", reason: "refused-by-agent", times: { endedAt: after(100) } });
      expect(run.waitingFor).toBeUndefined();
      expect(isBusy(run)).toBe(false);
    },
  );

  test.each<Refusal["code"]>(["cancelled", "no-licence", "spawn-failed"])(
    "by %s of a run that is to be cancelled cancels it",
    (code) => {
      const run = refused(code, assignedRun({ cancel: { requestedAt: NOW, by: "bob" } }));
      expect(run).toMatchObject({ state: "cancelled", reason: "cancelled-by", times: { endedAt: after(100) } });
    },
  );

  test("after the start counts nothing: what has started is busy until its end", () => {
    const refusal = { code: "no-room" as const, message: "No." };
    expect(decide(runningRun(), { phase: "refused", refusal })).toEqual(NOTHING);
    expect(decide(assignedRun(), { phase: "refused" })).toEqual(NOTHING);
  });
});

describe("evidence counts nothing", () => {
  const exit = { phase: "exited" as const, exit: { exitCode: 0 } };

  test("from an agent that the attempt does not name", () => {
    for (const phase of ["started", "exited", "refused"] as const) {
      const evidence = { phase, exit: { exitCode: 0 }, refusal: { code: "spawn-failed" as const, message: "No." } };
      expect(decide(assignedRun(), evidence, "agent-b")).toEqual(NOTHING);
    }
  });

  test("about an attempt that is not the current one", () => {
    expect(decide(runningRun(), { ...exit, attempt: 2 })).toEqual(NOTHING);
    const second = { ...assignedRun().attempts[0], number: 2 } as Run["attempts"][number];
    const retried = assignedRun({ attempts: [...refused("no-room").attempts, second] });
    expect(decide(retried, { phase: "started", attempt: 1 })).toEqual(NOTHING);
    expect(decide(refused("no-room"), { phase: "started" })).toEqual(NOTHING);
  });

  test("about a run that the job does not have, or that has no attempt", () => {
    expect(decide(runningRun(), { ...exit, run: "run00002" })).toEqual(NOTHING);
    expect(decide(sampleRun(), exit)).toEqual(NOTHING);
  });

  test("when it comes after the end", () => {
    const ended = exited({ exitCode: 0 });
    for (const phase of ["accepted", "started", "refused", "exited"] as const) {
      const refusal = { code: "no-room" as const, message: "No." };
      expect(decide(ended, { phase, refusal, exit: { exitCode: 1 } })).toEqual(NOTHING);
    }
  });
});

describe("processes that could not be ended", () => {
  const ended = exited({ signal: "SIGKILL", cause: "cancelled", leftOverPids: [7, 8] });

  test("keep the run busy after its end, until the host says that they are gone", () => {
    expect(ended).toMatchObject({ state: "cancelled", times: { endedAt: after(100) } });
    expect(isBusy(ended)).toBe(true);
    const fewer = written(decide(ended, { phase: "exited", exit: { leftOverPids: [8] } }));
    expect(fewer.attempts).toMatchObject([{ exit: { signal: "SIGKILL", cause: "cancelled", leftOverPids: [8] } }]);
    expect(isBusy(fewer)).toBe(true);
    const gone = written(decide(fewer, { phase: "exited", exit: { leftOverPids: [] } }));
    expect(isBusy(gone)).toBe(false);
    expect({ ...gone, attempts: [], writeId: "" }).toEqual({ ...ended, attempts: [], writeId: "" });
  });

  test("do not come back by evidence that is older", () => {
    expect(decide(ended, { phase: "exited", exit: { leftOverPids: [7, 8] } })).toEqual(NOTHING);
    expect(decide(exited({ exitCode: 0 }), { phase: "exited", exit: { leftOverPids: [7] } })).toEqual(NOTHING);
  });
});

test("a host's long words do not make a record long", () => {
  const refusal = { code: "spawn-failed" as const, message: "\u0001".repeat(100_000) };
  const failed = written(decide(assignedRun(), { phase: "refused", refusal }));
  expect(JSON.stringify(failed).length).toBeLessThan(4_000);
  const leftOverPids = Array.from({ length: 30_000 }, (_, index) => index);
  const ended = exited({ signal: "SIGKILL", leftOverPids });
  expect(JSON.stringify(ended).length).toBeLessThan(4_000);
  expect(isBusy(ended)).toBe(true);
  expect(decide(ended, { phase: "exited", exit: { leftOverPids } })).toEqual(NOTHING);
});
