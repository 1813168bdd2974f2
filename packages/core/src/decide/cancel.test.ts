import { expect, test } from "vitest";
import { assignedRun, contextOf, NOW, runningRun, sampleRun, viewOf } from "../testing/sample-runs.ts";
import { decideCancel } from "./cancel.ts";
import { wantedFor } from "./wanted.ts";

const asked = { run: "run00001", by: "bob" };

test("a run that no host has is cancelled at once", () => {
  const decision = decideCancel(viewOf(sampleRun({ waitingFor: "agent" })), asked, contextOf());
  expect(decision).toEqual({
    kind: "write",
    run: sampleRun({
      writeId: "w1",
      state: "cancelled",
      reason: "cancelled-by",
      cancel: { requestedAt: NOW, by: "bob" },
      times: { submittedAt: NOW, pendingAt: NOW, endedAt: NOW },
    }),
  });
});

test.each([
  ["assigned", assignedRun()],
  ["running", runningRun()],
])("a run that is %s is only asked to end: it stays as it is until its host says so", (_, run) => {
  const decision = decideCancel(viewOf(run), asked, contextOf());
  expect(decision).toEqual({ kind: "write", run: { ...run, writeId: "w1", cancel: { requestedAt: NOW, by: "bob" } } });
  if (decision.kind === "write") expect(wantedFor(decision.run)).toBe("cancel");
});

test("a second request changes nothing, not even who asked first", () => {
  const run = runningRun({ cancel: { requestedAt: NOW, by: "ada" } });
  expect(decideCancel(viewOf(run), asked, contextOf())).toEqual({ kind: "known", run });
});

test("a run that has ended stays what it is", () => {
  const run = runningRun({ state: "completed", reason: "exit", times: { submittedAt: NOW, endedAt: NOW } });
  expect(decideCancel(viewOf(run), asked, contextOf())).toEqual({ kind: "known", run });
});

test("a run that the job does not have cannot be cancelled", () => {
  expect(decideCancel(viewOf(), asked, contextOf())).toMatchObject({ kind: "reject", error: { code: "run-unknown" } });
});

test("what is wanted of the host follows from the record alone", () => {
  const cancel = { requestedAt: NOW, by: "bob" };
  expect(wantedFor(sampleRun())).toBe("nothing");
  expect(wantedFor(assignedRun())).toBe("start");
  expect(wantedFor(runningRun())).toBe("nothing");
  expect(wantedFor(runningRun({ cancel }))).toBe("cancel");
  expect(wantedFor(runningRun({ cancel, times: { submittedAt: NOW, endedAt: NOW } }))).toBe("settle");
});
