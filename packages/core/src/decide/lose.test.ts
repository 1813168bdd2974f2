import { describe, expect, test } from "vitest";
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
  silentAgent,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { decideEvidence } from "./evidence.ts";
import { ownerOf } from "./owner.ts";
import { reconcile } from "./reconcile.ts";
import { decideResolve } from "./resolve.ts";
import type { AgentView, Decision, DecisionContext } from "./view.ts";

/** The default of `lostAfterMs`, one percent, and the time of a kill. */
const GONE_MS = 3_646_000;

function silent(ms: number, agent: AgentView = silentAgent(), now = after(ms)): DecisionContext {
  const { agents, ...rest } = contextOf([agent], { now });
  return { ...rest, agents: { ...agents, silentMs: () => ms } };
}

describe("a run whose host is silent", () => {
  test("is left alone until its time is over", () => {
    expect(reconcile(viewOf(runningRun()), silent(GONE_MS - 1))).toEqual({ kind: "nothing" });
  });

  test("fails as lost then, by default: nobody saw how it ended, and the job is free", () => {
    const run = written(reconcile(viewOf(runningRun()), silent(GONE_MS)));
    expect(run).toMatchObject({
      state: "failed",
      reason: "lost",
      attempts: [{ lost: { at: after(GONE_MS), silentMs: GONE_MS } }],
      times: { endedAt: after(GONE_MS) },
    });
    expect(ownerOf(run, {})).toMatchObject({ owner: "server" });
  });

  test("may have started though nobody heard of that: it is lost as well", () => {
    expect(written(reconcile(viewOf(assignedRun()), silent(GONE_MS)))).toMatchObject({ reason: "lost" });
  });

  test("gets another attempt with `retry`, unless somebody wants it to end", () => {
    const retried = written(reconcile(viewOf(runningRun({ onLost: "retry" })), silent(GONE_MS)));
    expect(retried).toMatchObject({ state: "pending", waitingFor: "agent", attempts: [{ lost: { retried: true } }] });
    expect(retried.times).toEqual({ submittedAt: NOW, pendingAt: after(GONE_MS) });
    const again = written(reconcile(viewOf(retried), contextOf([sampleAgent()], { now: after(GONE_MS) })));
    expect(again.attempts.map(({ number }) => number)).toEqual([1, 2]);
    const cancelled = runningRun({ onLost: "retry", cancel: { requestedAt: NOW, by: "bob" } });
    expect(written(reconcile(viewOf(cancelled), silent(GONE_MS)))).toMatchObject({ state: "failed", reason: "lost" });
  });

  test("keeps its job busy with `hold`, until its host tells how it ended", () => {
    const held = written(reconcile(viewOf(runningRun({ onLost: "hold" })), silent(GONE_MS)));
    expect(held).toMatchObject({ state: "running", attempts: [{ lost: { silentMs: GONE_MS } }] });
    expect(reconcile(viewOf(held), silent(2 * GONE_MS))).toEqual({ kind: "nothing" });
    expect(ownerOf(held, {})).toMatchObject({ owner: "operator" });
    const evidence = sampleEvidence({ phase: "exited", exit: { exitCode: 0 } });
    const told = decideEvidence(viewOf(held), { agent: AGENT, evidence }, contextOf());
    expect(written(told)).toMatchObject({ state: "completed", reason: "exit" });
  });

  test("is never lost when it may overlap others", () => {
    const attempts = runningRun().attempts.map((one) => ({ ...one, lostAfterMs: null }));
    expect(reconcile(viewOf(runningRun({ attempts })), silent(100 * GONE_MS))).toEqual({ kind: "nothing" });
  });

  test("has failed, not been skipped, when it found no other attempt in time", () => {
    const lost = written(reconcile(viewOf(runningRun({ onLost: "retry", waitAtMostMs: 1_000 })), silent(GONE_MS)));
    const late = contextOf([silentAgent()], { now: after(GONE_MS + 1_000) });
    expect(written(reconcile(viewOf(lost), late))).toMatchObject({ state: "failed", reason: "lost" });
  });
});

test("an end that was decided without the host stays as it is, whatever the host tells later", () => {
  const lost = written(reconcile(viewOf(runningRun()), silent(GONE_MS)));
  for (const phase of ["started", "exited"] as const) {
    const evidence = sampleEvidence({ phase, exit: { exitCode: 0 }, revision: 9 });
    expect(decideEvidence(viewOf(lost), { agent: AGENT, evidence }, contextOf())).toEqual({ kind: "nothing" });
  }
});

test("evidence of an attempt that was given up changes nothing of the run that goes on", () => {
  const retried = written(reconcile(viewOf(runningRun({ onLost: "retry" })), silent(GONE_MS)));
  const evidence = sampleEvidence({ phase: "exited", exit: { exitCode: 0 } });
  expect(decideEvidence(viewOf(retried), { agent: AGENT, evidence }, contextOf())).toEqual({ kind: "nothing" });
});

test("a host that ended it by itself for want of contact says the same as its silence: `retry` gets another attempt", () => {
  const evidence = sampleEvidence({ phase: "exited", exit: { signal: "SIGTERM", cause: "no-contact" } });
  const told = (change: Partial<Run>): Run =>
    written(decideEvidence(viewOf(runningRun(change)), { agent: AGENT, evidence }, contextOf()));
  const retried = told({ onLost: "retry" });
  expect(retried).toMatchObject({
    state: "pending",
    attempts: [{ exit: { signal: "SIGTERM" }, lost: { retried: true } }],
  });
  expect(retried.times.endedAt).toBeUndefined();
  expect(written(reconcile(viewOf(retried), contextOf())).attempts.map(({ number }) => number)).toEqual([1, 2]);
  const leftOver = { ...evidence, exit: { ...evidence.exit, leftOverPids: [77] } };
  const run = runningRun({ onLost: "retry" });
  const waits = written(decideEvidence(viewOf(run), { agent: AGENT, evidence: leftOver }, contextOf()));
  const blocked = written(reconcile(viewOf(waits), contextOf()));
  expect(blocked).toMatchObject({ state: "pending", waitingFor: "left-over", attempts: [{ lost: { retried: true } }] });
  // An operator who has ended it by hand says so.
  const free = written(decideResolve(viewOf(blocked), { run: run.run, by: "olga" }, contextOf()));
  expect(written(reconcile(viewOf(free), contextOf())).attempts.map(({ number }) => number)).toEqual([1, 2]);
  expect(told({})).toMatchObject({ state: "failed", reason: "lost" });
  expect(told({ onLost: "hold" })).toMatchObject({ state: "failed", reason: "lost" });
  expect(told({ onLost: "retry", cancel: { requestedAt: NOW, by: "bob" } })).toMatchObject({ state: "failed" });
});

describe("an operator's word", () => {
  const resolve = (run: Run, context: DecisionContext): Decision =>
    decideResolve(viewOf(run), { run: run.run, by: "olga", note: "host burnt down" }, context);

  test("ends a run whose host is out of contact", () => {
    expect(written(resolve(runningRun(), contextOf([silentAgent()])))).toMatchObject({
      state: "failed",
      reason: "lost",
      resolved: { by: "olga", note: "host burnt down", at: NOW },
    });
    expect(written(resolve(assignedRun(), contextOf([])))).toMatchObject({ state: "failed" });
  });

  test("ends a run that its host has forgotten", () => {
    expect(resolve(runningRun(), contextOf([sampleAgent({ held: [] })])).kind).toBe("write");
  });

  test("ends a run of which its host says that it never had it: it was cancelled after the host had forgotten it", () => {
    const run = runningRun({ cancel: { requestedAt: NOW, by: "bob" } });
    const held = { run: run.run, attempt: 1, isOver: true };
    const listed = (own: typeof held & { isRefused?: boolean }): Decision =>
      resolve(run, contextOf([sampleAgent({ held: [own] })]));
    expect(written(listed({ ...held, isRefused: true }))).toMatchObject({ state: "failed", reason: "lost" });
    expect(listed(held)).toMatchObject({ kind: "reject", error: { code: "nothing-to-resolve" } }); // its end is on the way
  });

  test("gives up what a host that is gone has not handed over, and changes nothing of the end", () => {
    const { times, attempts } = runningRun();
    const ended = runningRun({ state: "completed", reason: "exit", times: { ...times, endedAt: NOW } });
    const resolved = written(resolve(ended, contextOf([silentAgent()])));
    expect(resolved).toMatchObject({ state: "completed", reason: "exit", resolved: { by: "olga", gone: true } });
    expect(resolve(resolved, contextOf([silentAgent()])).kind).toBe("known");
    expect(resolve(ended, contextOf([sampleAgent({ held: [] })]))).toMatchObject({
      error: { code: "nothing-to-resolve", message: expect.stringContaining("is in contact") as string },
    });
    expect(resolve({ ...ended, attempts: [] }, contextOf([]))).toMatchObject({ error: { code: "nothing-to-resolve" } });
    // The host of an earlier attempt is gone.
    const [first] = attempts;
    const retried = {
      ...ended,
      attempts: [
        { ...first!, agent: "burnt down", retryAt: NOW },
        { ...first!, number: 2 },
      ],
    };
    expect(resolve(retried, contextOf([sampleAgent({ held: [] })])).kind).toBe("write");
  });

  test("that processes which were left over are gone says nothing of their host, also said twice; later it may be said, too", () => {
    const { attempts, times } = runningRun();
    const exit = { signal: "SIGKILL", leftOverPids: [7] };
    const ended = { state: "failed", reason: "signal", times: { ...times, endedAt: NOW } } as const;
    const leftOver = runningRun({ ...ended, attempts: attempts.map((one) => ({ ...one, exit })) });
    const away = contextOf([silentAgent()]);
    const freed = written(resolve(leftOver, away));
    expect(freed.resolved?.gone).toBeUndefined();
    expect(resolve(freed, away).kind).toBe("known");
    const later = contextOf([silentAgent()], { now: after(5 * 60_000) });
    expect(written(resolve(freed, later)).resolved?.gone).toBe(true);
  });

  test("frees a job from what is left over, and changes nothing of the end", () => {
    const { attempts, times } = runningRun();
    const exit = { signal: "SIGKILL", leftOverPids: [7] };
    const ended = runningRun({
      state: "cancelled",
      reason: "cancelled-by",
      times: { ...times, endedAt: NOW },
      attempts: attempts.map((one) => ({ ...one, exit })),
    });
    expect(written(resolve(ended, contextOf()))).toMatchObject({
      state: "cancelled",
      times: { endedAt: NOW },
      attempts: [{ exit: { signal: "SIGKILL", leftOverPids: [] } }],
      resolved: { by: "olga" },
    });
  });

  test("may be said again: the first answer may have been lost", () => {
    const resolved = written(resolve(runningRun(), contextOf([silentAgent()])));
    expect(resolve(resolved, contextOf())).toEqual({ kind: "known", run: resolved });
  });

  test("is not taken of an attempt that its host may still start: not before its licence is over", () => {
    expect(resolve(assignedRun(), contextOf([{ ...silentAgent(), sinceBeatMs: 59_999 }]))).toMatchObject({
      kind: "reject",
      error: { code: "nothing-to-resolve" },
    });
    expect(resolve(assignedRun(), contextOf([{ ...silentAgent(), sinceBeatMs: 60_000 }])).kind).toBe("write");
    expect(resolve(runningRun(), contextOf([{ ...silentAgent(), sinceBeatMs: 20_000 }])).kind).toBe("write");
  });

  test("is not taken while the host answers for the run, or there is nothing to say", () => {
    const held = [{ run: "run00001", attempt: 1 }];
    const ended = runningRun({ times: { submittedAt: NOW, endedAt: NOW } });
    for (const [run, context] of [
      [runningRun(), contextOf([sampleAgent({ held })])],
      [assignedRun(), contextOf([sampleAgent({ held: [] })])],
      [sampleRun(), contextOf()],
      [ended, contextOf()],
    ] as const) {
      expect(resolve(run, context)).toMatchObject({ kind: "reject", error: { code: "nothing-to-resolve" } });
    }
  });
});

test("every run that has not settled has an owner, a deadline and an advice", () => {
  const facts = {};
  const { attempts, times } = runningRun();
  const leftOver = attempts.map((one) => ({ ...one, exit: { leftOverPids: [7] } }));
  const cases: [Run, string][] = [
    [sampleRun({ waitingFor: "agent" }), "agent"],
    [sampleRun({ waitingFor: "slot" }), "agent"],
    [sampleRun({ waitingFor: "previous-run" }), "run"],
    [sampleRun({ waitingFor: "left-over" }), "operator"],
    [sampleRun({ waitingFor: "job-paused" }), "operator"],
    [sampleRun({ waitingFor: "all-paused" }), "operator"],
    [sampleRun({ waitingFor: "held", hold: { at: NOW, by: "bob" } }), "operator"],
    [assignedRun(), "agent"],
    [runningRun(), "agent"],
    [runningRun({ cancel: { requestedAt: NOW, by: "bob" } }), "agent"],
    [runningRun({ state: "failed", times: { ...times, endedAt: NOW } }), "server"],
    [runningRun({ state: "failed", times: { ...times, endedAt: NOW }, attempts: leftOver }), "operator"],
  ];
  for (const [run, owner] of cases) {
    const ownership = ownerOf(run, facts);
    expect(ownership).toMatchObject({ owner });
    const isRunningWell = run.state === "running" && run.cancel === undefined;
    expect(ownership?.deadlineAt === undefined).toBe(isRunningWell); // its host's silence is the alarm
    if (!isRunningWell) expect(Date.parse(ownership?.deadlineAt ?? "")).toBeGreaterThanOrEqual(Date.parse(NOW));
    expect(ownership?.advice).toMatch(/\.$/);
  }
  const quiet = { silentSince: NOW };
  expect(ownerOf(runningRun(), quiet)).toMatchObject({ owner: "server" });
  const overlapping = runningRun({ attempts: attempts.map((one) => ({ ...one, lostAfterMs: null })) });
  expect(ownerOf(overlapping, quiet)).toMatchObject({ owner: "operator" });
  expect(ownerOf(runningRun({ times: { ...times, endedAt: NOW, settledAt: NOW } }), facts)).toBeUndefined();
});

test("of a run that ended, only one that a host began may lack its log; another one the server writes to the history", () => {
  const ended = { times: { ...sampleRun().times, endedAt: NOW } };
  const refusal = { code: "cancelled", message: "Cancelled." } as const;
  const refused = assignedRun().attempts.map((one) => ({ ...one, refusal }));
  for (const run of [
    sampleRun({ state: "skipped", reason: "expired-in-queue", ...ended }),
    assignedRun({ state: "cancelled", attempts: refused, ...ended }),
  ])
    expect(ownerOf(run, {})).toMatchObject({
      owner: "server",
      advice: "The server has to write it to the history: look at the servers and at NATS.",
    });
  expect(ownerOf(runningRun({ state: "failed", ...ended }), {})?.advice).toMatch(/^Its log or its artifacts .* host-a/);
});
