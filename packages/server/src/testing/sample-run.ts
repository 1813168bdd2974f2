import type { Attempt, Evidence, Run } from "@jobs/core";

export const AT = "2026-03-01T12:00:00.000Z";

/** A run that waits, changed as the test needs. */
export function sampleRun(change: Partial<Run> = {}): Run {
  return {
    v: 1,
    job: "nightly",
    run: "run00001",
    writeId: "w",
    state: "pending",
    overlap: "reject",
    target: { kind: "agent", agent: "alpha", name: "alpha" },
    payload: { form: "plain", sha256: "00", sizeBytes: 2 },
    requestDigest: "d",
    submittedBy: "ada",
    times: { submittedAt: AT, pendingAt: AT },
    attempts: [],
    ...change,
  };
}

/** A run that has ended. */
export function finishedRun(change: Partial<Run> = {}): Run {
  return sampleRun({ state: "completed", times: { submittedAt: AT, endedAt: AT }, ...change });
}

/** An attempt that was assigned. */
export function sampleAttempt(change: Partial<Attempt> = {}): Attempt {
  return {
    number: 1,
    agent: "alpha",
    licence: { session: "s", number: 1 },
    assignedAt: AT,
    lostAfterMs: null,
    graceMs: 1,
    ...change,
  };
}

/** That the first attempt of a run has ended with exit code 0. */
export function sampleEvidence({ job, run }: Pick<Run, "job" | "run">, change: Partial<Evidence> = {}): Evidence {
  return {
    v: 1,
    job,
    run,
    attempt: 1,
    fence: { epoch: "e", sequence: 1 },
    session: "s",
    revision: 1,
    phase: "exited",
    exit: { exitCode: 0 },
    log: { lengthBytes: 0, sha256: "00" },
    shippedBytes: 0,
    ...change,
  };
}
