import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AttemptExit } from "../domain/attempt.ts";
import { describeRun } from "../domain/ending.ts";
import { retryDelayMs, RetrySettings } from "../domain/retry.ts";
import type { Run } from "../domain/run.ts";
import {
  after,
  AGENT,
  assignedRun,
  contextOf,
  NOW,
  runningRun,
  sampleAgent,
  sampleEvidence,
  sampleRun,
  sampleSubmission,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { decideCancel } from "./cancel.ts";
import { nextDueMs } from "./due.ts";
import { decideEvidence } from "./evidence.ts";
import { decideHold, decideRelease } from "./hold.ts";
import { ownerOf } from "./owner.ts";
import { reconcile, waitEndsAt } from "./reconcile.ts";
import { decideResolve } from "./resolve.ts";
import { decideSubmit } from "./submit.ts";
import type { DecisionContext } from "./view.ts";

const RETRY = { count: 2, backoff: { kind: "fixed", delayMs: 60_000 } } as const;

const at = (ms: number, change: Partial<DecisionContext> = {}): DecisionContext =>
  contextOf([sampleAgent()], { now: after(ms), ...change });

/** The run after its current attempt ended so. */
function ended(run: Run, exit: AttemptExit, ms = 0): Run {
  const attempt = run.attempts.at(-1)?.number ?? 0;
  const evidence = sampleEvidence({ run: run.run, phase: "exited", attempt, exit });
  return written(decideEvidence(viewOf(run), { agent: AGENT, evidence }, at(ms)));
}

const failing = (change: Partial<Run> = {}): Run => ended(runningRun({ retry: RETRY, ...change }), { exitCode: 1 });

describe("a run that failed", () => {
  test("waits for its next try, and gets it at its time and not before", () => {
    const waiting = failing();
    expect(waiting).toMatchObject({
      state: "pending",
      waitingFor: "retry",
      attempts: [{ exit: { exitCode: 1 }, retryAt: after(60_000) }],
    });
    expect(waiting.reason).toBeUndefined();
    expect(waiting.times).toEqual({ submittedAt: NOW, pendingAt: NOW });
    expect(describeRun(waiting)).toBe(
      `Waiting for its next try at ${after(60_000)}. Attempt 1 ended with exit code 1.`,
    );
    expect(ownerOf(waiting, {})).toMatchObject({ owner: "server", deadlineAt: after(120_000) });
    expect(nextDueMs(viewOf(waiting), Date.parse(NOW))).toBe(Date.parse(after(60_000)));
    expect(reconcile(viewOf(waiting), at(59_999))).toEqual({ kind: "nothing" });
    expect(written(reconcile(viewOf(waiting), at(60_000)))).toMatchObject({ attempts: [{}, { number: 2 }] });
  });

  test("fails for good once its tries are used up", () => {
    let run = failing();
    for (const number of [2, 3]) {
      run = written(reconcile(viewOf(run), at(number * 60_000)));
      run = ended(run, { exitCode: number }, number * 60_000);
    }
    expect(run).toMatchObject({ state: "failed", reason: "exit", attempts: [{}, {}, { exit: { exitCode: 3 } }] });
    expect(run.attempts[2]?.retryAt).toBeUndefined();
    expect(describeRun(run)).toContain("exit code 3 on host-a. 2 tries before it failed.");
  });

  test("is done once a try succeeds, and is not tried at all without `retry`", () => {
    const second = written(reconcile(viewOf(failing()), at(60_000)));
    expect(ended(second, { exitCode: 0 })).toMatchObject({ state: "completed", reason: "exit" });
    expect(ended(runningRun(), { exitCode: 1 })).toMatchObject({ state: "failed" });
    expect(ended(runningRun({ retry: { count: 0 } }), { exitCode: 1 })).toMatchObject({ state: "failed" });
  });

  test.each([
    [{ exitCode: 1 }, true],
    [{ signal: "SIGKILL" }, true],
    [{ cause: "timeout", signal: "SIGTERM" }, true],
    [{ cause: "silence", exitCode: 0 }, true],
    [{ cause: "host-restarted" }, true],
    [{ cause: "host-stopped", signal: "SIGTERM" }, true],
    [{ cause: "supervisor-ended" }, true],
    [{ exitCode: 0 }, false],
    [{ cause: "cancelled", signal: "SIGTERM" }, false],
    [{ cause: "no-contact", signal: "SIGTERM" }, false],
  ] as const)("with no `on`, after %j it is tried again: %s", (exit, isTried) => {
    expect(ended(runningRun({ retry: RETRY }), exit).state === "pending").toBe(isTried);
  });

  test.each([
    [{ exitCode: 75 }, true],
    [{ exitCode: 1 }, false],
    [{ signal: "SIGSEGV" }, true],
    [{ signal: "SIGKILL" }, false],
    [{ cause: "timeout", exitCode: 2 }, true],
    [{ cause: "host-stopped", exitCode: 75 }, false], // the code of a script that was told to end
    [{ cause: "host-stopped", signal: "SIGSEGV" }, false],
  ] as const)("with `on`, after %j it is tried again: %s", (exit, isTried) => {
    const on = { exitCodes: [75, 111], signals: ["SIGSEGV"], reasons: ["timeout" as const] };
    expect(ended(runningRun({ retry: { ...RETRY, on } }), exit).state === "pending").toBe(isTried);
  });

  test("is tried again after a refusal that would fail it", () => {
    const refusal = { code: "spawn-failed", message: "no process left." } as const;
    const evidence = sampleEvidence({ phase: "refused", refusal });
    const told = (run: Run): Run => written(decideEvidence(viewOf(run), { agent: AGENT, evidence }, at(0)));
    expect(told(assignedRun())).toMatchObject({ state: "failed", reason: "refused-by-agent" });
    const waiting = told(assignedRun({ retry: { ...RETRY, on: { reasons: ["refused-by-agent"] } } }));
    expect(waiting).toMatchObject({ waitingFor: "retry", attempts: [{ refusal, retryAt: after(60_000) }] });
    expect(describeRun(waiting)).toContain("Attempt 1 ended with a refusal: no process left.");
  });

  test("is not tried again once somebody wants it to end", () => {
    const cancel = { requestedAt: NOW, by: "bob" };
    expect(ended(runningRun({ retry: RETRY, cancel }), { exitCode: 1 })).toMatchObject({ state: "failed" });
  });

  test("has its lost tries beside: they are `onLost`'s affair and use up none", () => {
    const lost = { exitCode: 1, cause: "no-contact" } as const;
    const retried = ended(runningRun({ retry: RETRY, onLost: "retry" }), lost);
    expect(retried).toMatchObject({ waitingFor: "agent", attempts: [{ lost: { retried: true } }] });
    let run = written(reconcile(viewOf(retried), at(1)));
    for (const state of ["pending", "pending", "failed"]) {
      run = ended(run, { exitCode: 1 });
      expect(run.state).toBe(state);
      if (state === "pending") run = written(reconcile(viewOf(run), at(60_000)));
    }
  });
});

describe("between two tries", () => {
  test("the job stays busy: a run behind waits, one with `reject` is refused and told why", () => {
    const waiting = failing();
    const refused = decideSubmit(viewOf(waiting), sampleSubmission({ run: "run00002" }), at(1_000));
    expect(refused).toMatchObject({ kind: "reject", error: { code: "job-busy" } });
    expect(refused.kind === "reject" && refused.error.message).toContain("Waiting for its next try");
    const queued = sampleSubmission({ run: "run00002", policy: { overlap: "queue" } });
    const behind = written(decideSubmit(viewOf(waiting), queued, at(1_000)));
    expect(behind).toMatchObject({ waitingFor: "previous-run" });
    expect(reconcile(viewOf(waiting, behind), at(59_000))).toEqual({ kind: "nothing" });
    expect(written(reconcile(viewOf(waiting, behind), at(60_000))).run).toBe("run00001");
  });

  test("a cancel is at once, and final", () => {
    const cancelled = written(decideCancel(viewOf(failing()), { run: "run00001", by: "bob" }, at(5)));
    expect(cancelled).toMatchObject({ state: "cancelled", reason: "cancelled-by", times: { endedAt: after(5) } });
    expect(describeRun(cancelled)).toBe(
      "Cancelled by bob while it waited for another attempt. Attempt 1 ended with exit code 1.",
    );
    expect(reconcile(viewOf(cancelled), at(60_000))).toEqual({ kind: "nothing" });
  });

  test("hold and pause keep the next try back; it does not come early when they end", () => {
    const held = written(decideHold(viewOf(failing()), { run: "run00001", by: "bob" }, at(5)));
    expect(held).toMatchObject({ waitingFor: "held" });
    expect(reconcile(viewOf(held), at(60_000))).toEqual({ kind: "nothing" });
    const early = written(decideRelease(viewOf(held), { run: "run00001", by: "bob" }, at(10)));
    expect(early).toMatchObject({ waitingFor: "retry" });
    const late = written(decideRelease(viewOf(held), { run: "run00001", by: "bob" }, at(70_000)));
    expect(late.attempts).toHaveLength(2);
    expect(written(reconcile(viewOf(failing()), at(60_000, { isPaused: true })))).toMatchObject({
      waitingFor: "all-paused",
    });
  });

  test("it expires as late after its time as it may wait; then it has failed as its last try did", () => {
    const waiting = failing({ waitAtMostMs: 10_000 });
    expect(waitEndsAt(waiting)).toBe(after(70_000));
    const noAgent = (ms: number): DecisionContext => contextOf([], { now: after(ms) });
    const late = written(reconcile(viewOf(waiting), noAgent(69_999)));
    expect(late).toMatchObject({ waitingFor: "agent" });
    const expired = written(reconcile(viewOf(late), noAgent(70_000)));
    expect(expired).toMatchObject({ state: "failed", reason: "exit" });
    expect(describeRun(expired)).toBe(
      "The script ended by itself with exit code 1 on host-a. No other try found a place in time.",
    );
  });

  test("a clock that was set back by an hour holds up nothing, one that differs by less than a minute does not hurry it", () => {
    expect(reconcile(viewOf(failing()), at(-60_000))).toEqual({ kind: "nothing" });
    expect(written(reconcile(viewOf(failing()), at(-3_600_000))).attempts).toHaveLength(2);
  });

  test("what it depended on counts no more", () => {
    const dependent = { runs: [{ job: "other", run: "run00009" }], on: "completed", otherwise: "skip" } as const;
    const waiting = failing({ after: { ...dependent, runs: [...dependent.runs] } });
    const forgotten = at(60_000, { stateOf: () => undefined });
    expect(written(reconcile(viewOf(waiting), forgotten)).attempts).toHaveLength(2);
  });

  test("what the failed try left over keeps the next one waiting until it is gone", () => {
    const left = ended(runningRun({ retry: RETRY }), { exitCode: 1, leftOverPids: [7] });
    const waiting = written(reconcile(viewOf(left), at(60_000)));
    expect(waiting).toMatchObject({ state: "pending", waitingFor: "left-over" });
    const started = sampleEvidence({ phase: "started" });
    expect(decideEvidence(viewOf(waiting), { agent: AGENT, evidence: started }, at(1))).toEqual({ kind: "nothing" });
    const gone = sampleEvidence({ phase: "exited", exit: { exitCode: 1, leftOverPids: [] } });
    const free = written(decideEvidence(viewOf(waiting), { agent: AGENT, evidence: gone }, at(61_000)));
    expect(written(reconcile(viewOf(free), at(61_000))).attempts).toHaveLength(2);
  });

  test("what is left over after a cancel keeps the job busy until somebody resolves it", () => {
    const left = ended(runningRun({ retry: RETRY }), { exitCode: 1, leftOverPids: [7] });
    const cancelled = written(decideCancel(viewOf(left), { run: "run00001", by: "bob" }, at(5)));
    const submission = sampleSubmission({ run: "run00002" });
    expect(decideSubmit(viewOf(cancelled), submission, at(6))).toMatchObject({ kind: "reject" });
    expect(ownerOf(cancelled, {})).toMatchObject({ owner: "operator" });
    const resolved = written(decideResolve(viewOf(cancelled), { run: "run00001", by: "olga" }, at(7)));
    expect(decideSubmit(viewOf(resolved), submission, at(8))).toMatchObject({ kind: "write" });
  });
});

test("a run freezes what it or its job says, and says which limit ended it", () => {
  const definition = {
    v: 1,
    job: "nightly",
    writeId: "d",
    policy: { retry: { count: 3 }, timeoutMs: 60_000, silenceMs: 5_000 },
    updatedAt: NOW,
    updatedBy: "ada",
  } as const;
  const accepted = (policy: RetrySettings | undefined, timeoutMs?: number | null): Run => {
    const asked = {
      ...(policy === undefined ? {} : { retry: policy }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
    return written(decideSubmit({ ...viewOf(), definition }, sampleSubmission({ policy: asked }), at(0)));
  };
  expect(accepted(undefined)).toMatchObject({ retry: { count: 3 }, timeoutMs: 60_000, silenceMs: 5_000 });
  expect(accepted({ count: 0 }, null)).toMatchObject({ retry: { count: 0 }, timeoutMs: null });
  const limits = { timeoutMs: 90_000, silenceMs: 600_000 };
  expect(describeRun(ended(runningRun(limits), { cause: "timeout", signal: "SIGTERM" }))).toBe(
    "The script ran for 90 s, its limit: host-a ended it with signal SIGTERM.",
  );
  expect(describeRun(ended(runningRun(limits), { cause: "silence", exitCode: 0 }))).toBe(
    "The script printed nothing for 10 min, its limit: host-a ended it with exit code 0.",
  );
});

test("delays are fixed, or double up to the longest one; the jitter only shortens them", () => {
  const delays = (backoff: RetrySettings["backoff"], chance = 0): number[] =>
    [1, 2, 3, 4, 20].map((failures) => retryDelayMs({ count: 20, backoff }, failures, chance));
  expect(delays({ kind: "fixed", delayMs: 500 })).toEqual([500, 500, 500, 500, 500]);
  expect(delays({ kind: "exponential", delayMs: 500, maxMs: 1_500 })).toEqual([500, 1_000, 1_500, 1_500, 1_500]);
  expect(delays(undefined)).toEqual([10_000, 20_000, 40_000, 80_000, 300_000]);
  expect(delays({ kind: "fixed", delayMs: 500, jitter: 0.5 }, 0.5)).toEqual([375, 375, 375, 375, 375]);
});

test("the jitter of a run is the same on any server, and spreads runs and tries", () => {
  const backoff = { kind: "fixed", delayMs: 1_000_000, jitter: 1 } as const;
  const all = Array.from({ length: 200 }, (_, index) => {
    const run = failing({ run: `run${String(index).padStart(5, "0")}`, retry: { count: 1, backoff } });
    return Date.parse(run.attempts[0]?.retryAt ?? "") - Date.parse(NOW);
  });
  expect(failing({ run: "run00007", retry: { count: 1, backoff } }).attempts[0]?.retryAt).toBe(after(all[7] ?? -1));
  for (const quarter of [0, 1, 2, 3])
    expect(all.filter((ms) => Math.floor(ms / 250_000) === quarter).length).toBeGreaterThan(25);
});

test.each([
  [{ count: -1 }, "count"],
  [{ count: 21 }, "count"],
  [{ count: 1.5 }, "count"],
  [{}, "count"],
  [{ count: 1, often: true }, ""],
  [{ count: 1, on: {} }, "on"],
  [{ count: 1, on: { exitCodes: [] } }, "on"],
  [{ count: 1, on: { exitCodes: [0] } }, "on.exitCodes.0"],
  [{ count: 1, on: { exitCodes: [256] } }, "on.exitCodes.0"],
  [{ count: 1, on: { signals: ["KILL"] } }, "on.signals.0"],
  [{ count: 1, on: { signals: ["SIGKILL", "SIGKIL"] } }, "on.signals.1"],
  [{ count: 1, on: { signals: ["SIG65"] } }, "on.signals.0"],
  [{ count: 1, on: { reasons: ["lost"] } }, "on.reasons.0"],
  [{ count: 1, on: { reasons: ["cancelled-by"] } }, "on.reasons.0"],
  [{ count: 1, backoff: { kind: "linear", delayMs: 1 } }, "backoff.kind"],
  [{ count: 1, backoff: { kind: "fixed" } }, "backoff.delayMs"],
  [{ count: 1, backoff: { kind: "fixed", delayMs: 1, maxMs: 2 } }, "backoff.maxMs"],
  [{ count: 1, backoff: { kind: "exponential", delayMs: 3, maxMs: 2 } }, "backoff.maxMs"],
  [{ count: 1, backoff: { kind: "fixed", delayMs: 1, jitter: 1.1 } }, "backoff.jitter"],
])("%j is refused, and the field named: %s", (retry, path) => {
  expect(RetrySettings.safeParse(retry).error?.issues[0]?.path.join(".")).toBe(path);
});

test("no failed try is forgotten, however many lost ones there are between them", () => {
  const retry = { count: 20, backoff: { kind: "fixed", delayMs: 0 } } as const;
  let run = runningRun({ retry, onLost: "retry" });
  let tries = 0;
  for (let turn = 1; run.state !== "failed" && turn < 100; turn++) {
    const isLost = turn % 3 !== 0;
    run = ended(run, isLost ? { cause: "no-contact", signal: "SIGTERM" } : { exitCode: 1 });
    if (!isLost) tries++;
    if (run.state === "pending") run = written(reconcile(viewOf(run), at(1)));
  }
  expect(tries).toBe(21);
  expect(run.attempts.length).toBeLessThan(30);
  expect(run.attempts.at(-1)?.number).toBe(63);
});

test("however tries end and servers look, there are never more than count + 1, and none before its time", () => {
  const exits: AttemptExit[] = [
    { exitCode: 1 },
    { signal: "SIGKILL" },
    { cause: "timeout" },
    { cause: "host-stopped" },
  ];
  const step = fc.record({ passMs: fc.nat(100_000), exit: fc.constantFrom(...exits), isEnd: fc.boolean() });
  const retry = fc.record({
    count: fc.nat(4),
    backoff: fc.record({
      kind: fc.constantFrom("fixed" as const, "exponential" as const),
      delayMs: fc.nat(50_000),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  });
  let final = 0;
  fc.assert(
    fc.property(retry, fc.array(step, { minLength: 5, maxLength: 40 }), (policy, steps) => {
      let run = sampleRun({ retry: policy, waitingFor: "agent" });
      let ms = 0;
      for (const { passMs, exit, isEnd } of steps) {
        ms += passMs;
        const number = run.attempts.at(-1)?.number ?? 0;
        const evidence = sampleEvidence({ phase: "exited", attempt: number, exit });
        const decision = isEnd
          ? decideEvidence(viewOf(run), { agent: AGENT, evidence }, at(ms))
          : reconcile(viewOf(run), at(ms));
        if (decision.kind !== "write") continue;
        if (run.times.endedAt !== undefined) throw new Error("an end changes");
        const before = run.attempts.at(-1)?.retryAt;
        run = decision.run;
        if (run.attempts.length > 1 && run.attempts.at(-1)?.number !== number)
          expect(Date.parse(before ?? "")).toBeLessThanOrEqual(Date.parse(after(ms)));
      }
      expect(run.attempts.length).toBeLessThanOrEqual(policy.count + 1);
      if (run.state === "failed") final += 1;
      if (run.state === "failed") expect(run.attempts).toHaveLength(policy.count + 1);
    }),
  );
  expect(final).toBeGreaterThan(10);
});
