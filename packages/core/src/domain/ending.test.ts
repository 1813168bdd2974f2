import { describe, expect, test } from "vitest";
import { NOW, assignedRun, runningRun, sampleRun } from "../testing/sample-runs.ts";
import type { AttemptExit, Refusal } from "./attempt.ts";
import type { DependsOn } from "./dependencies.ts";
import { describeRun } from "./ending.ts";
import { Reason } from "./reason.ts";
import { RunState, WaitingFor, type Run } from "./run.ts";

const cancel = { requestedAt: NOW, by: "bob" };

function ended(state: Run["state"], reason: Reason, exit?: AttemptExit): Run {
  const { attempts, times } = runningRun();
  return runningRun({
    state,
    reason,
    attempts: attempts.map((one) => (exit === undefined ? one : { ...one, exit })),
    times: { ...times, endedAt: NOW },
  });
}

function unmet(on: DependsOn, state?: RunState): Run {
  const one = { job: "a", run: "arun0001" };
  return sampleRun({
    state: "skipped",
    reason: "dependency-failed",
    after: { runs: [one], on, otherwise: "skip" },
    unmet: { ...one, state },
  });
}

const EXITS: readonly (AttemptExit | undefined)[] = [
  undefined,
  {},
  { exitCode: 0 },
  { exitCode: 3 },
  { signal: "SIGKILL" },
  { signal: "SIGKILL", leftOverPids: [7, 8] },
];

describe.each(Reason.options)("a run that ended by %s", (reason) => {
  test("has a sentence, whatever else is known of its end", () => {
    for (const state of ["completed", "failed", "cancelled", "skipped"] as const) {
      for (const exit of EXITS) {
        for (const run of [
          ended(state, reason, exit),
          { ...ended(state, reason, exit), cancel },
          sampleRun({ state, reason }),
        ]) {
          expect(describeRun(run)).toMatch(/^[A-Z].*[.?!]$/s);
          expect(describeRun(run)).not.toMatch(/undefined|null|NaN|\[object|\$\{|\.\./);
        }
      }
    }
  });
});

test("every other state has its sentence, too", () => {
  for (const state of RunState.options) {
    for (const waitingFor of [undefined, ...WaitingFor.options]) {
      for (const more of [{}, { cancel }, { attempts: assignedRun().attempts }]) {
        const run = sampleRun({ state, ...(waitingFor === undefined ? {} : { waitingFor }), ...more });
        expect(describeRun(run)).toMatch(/^[A-Za-z].*\.$/);
        expect(describeRun(run)).not.toContain("undefined");
      }
    }
  }
});

test.each<[Run, string]>([
  [ended("completed", "exit", { exitCode: 0 }), "The script ended by itself with exit code 0 on host-a."],
  [ended("failed", "exit", { exitCode: 3 }), "The script ended by itself with exit code 3 on host-a."],
  [
    unmet("completed", "cancelled"),
    "Skipped: it was to start once run arun0001 of “a” had completed, and that ended otherwise: cancelled.",
  ],
  [
    unmet("failed", "completed"),
    "Skipped: it was to start once run arun0001 of “a” had failed, and that ended otherwise: completed.",
  ],
  [
    unmet("completed"),
    "Skipped: it was to start once run arun0001 of “a” had completed, and nobody knows any more how that ended.",
  ],
  [ended("failed", "exit", {}), "The script ended by itself with an unknown end on host-a."],
  [ended("failed", "signal", { signal: "SIGSEGV" }), "The script was ended by signal SIGSEGV on host-a, not by Jobs."],
  [
    ended("failed", "lost", { signal: "SIGKILL" }),
    "Ended by the host host-a with signal SIGKILL because it had no contact for too long.",
  ],
  [
    { ...ended("cancelled", "cancelled-by", { signal: "SIGTERM" }), cancel },
    "Cancelled by bob: the script ended with signal SIGTERM on host-a.",
  ],
  [sampleRun({ state: "cancelled", reason: "cancelled-by", cancel }), "Cancelled by bob before it started."],
  [sampleRun({ waitingFor: "agent" }), "Waiting for host-a, which is not in contact."],
  [
    sampleRun({ state: "failed", reason: "invalid", target: { kind: "all", labels: "env=prod" } }),
    "It did not begin: more agents match its target than one run can be on.",
  ],
  [assignedRun(), "Handed to host-a; it has not started yet."],
  [assignedRun({ cancel }), "bob asked to cancel it; the host has not confirmed yet."],
  [runningRun({ cancel }), "Running on host-a; bob asked to cancel it, the host has not confirmed its end yet."],
])("the sentence says who did what %#", (run, sentence) => {
  expect(describeRun(run)).toBe(sentence);
});

test("one host is one host, and several are hosts", () => {
  const none = { completed: 0, failed: 0, cancelled: 0, skipped: 0, notStarted: 0 };
  const sentence = (agents: string[], change: Partial<Run>, counts: object) => {
    const run = sampleRun({ ...change, fanOut: { agents, counts: { ...none, ...counts } } });
    return describeRun(run, { hosts: { ...none, ...counts } });
  };
  const completed = { state: "completed", reason: "exit" } as const;
  expect(sentence(["a"], { state: "running" }, { notStarted: 1 })).toBe("Running on 1 host: 1 not begun.");
  expect(sentence(["a"], completed, { completed: 1 })).toBe(
    "The script ended by itself with exit code 0 on 1 host: 1 completed.",
  );
  expect(sentence(["a", "b"], completed, { completed: 2 })).toBe(
    "The script ended by itself with exit code 0 on all 2 hosts: 2 completed.",
  );
  expect(sentence(["a"], { state: "failed", reason: "hosts-failed" }, { failed: 1 })).toBe(
    "Not all hosts completed it. Of 1 host: 1 failed.",
  );
});

test("on several hosts, too, another run took the place of one that has ended", () => {
  const counts = { completed: 0, failed: 0, cancelled: 1, skipped: 0, notStarted: 1 };
  const replaced = { ...cancel, replacedBy: "run00002" };
  const run = sampleRun({
    state: "cancelled",
    reason: "replaced-by",
    cancel: replaced,
    fanOut: { agents: ["a", "b"], counts },
  });
  expect(describeRun(run)).toBe(
    "Ended because run run00002 of bob took its place. Of 2 hosts: 1 cancelled, 1 not begun.",
  );
});

test("a run that waited for too long says what for", () => {
  const skipped = { state: "skipped", reason: "expired-in-queue" } as const;
  const sentences = WaitingFor.options.map((waitedFor) => describeRun(sampleRun({ ...skipped, waitedFor })));
  const others = new Set(["retry", "held"]); // these do not expire
  expect(new Set(sentences).size).toBe(WaitingFor.options.length - others.size + 1);
  for (const sentence of sentences) expect(sentence).toMatch(/^Skipped: it waited for too long(, at last for .+)?\.$/);
  expect(describeRun(sampleRun({ ...skipped, waitedFor: "slot" }))).toBe(
    "Skipped: it waited for too long, at last for a free slot on host-a.",
  );
});

test.each(["dst-gap", "paused", "blackout", "overlap", "missed", "no-agent"] as const)(
  "slots in a row that are skipped by %s are counted, with the first and the last",
  (reason) => {
    const slot = { schedule: "main", at: "2026-03-29T01:00:00.000Z", until: "2026-03-29T01:45:00.000Z", count: 4 };
    const run = sampleRun({ state: "skipped", reason, slot });
    expect(describeRun(run)).toContain(`. 4 slots, from ${slot.at} to ${slot.until}.`);
    expect(describeRun({ ...run, slot: { ...slot, count: 1 } })).not.toContain("slots, from");
  },
);

test.each([
  [{ skippedFor: "live0001", overlap: "queue" }, "run live0001 of the job lived"],
  [{ overlap: "reject" }, "another run of the job lived"],
  [{ overlap: "allow" }, "another run of the job lived"],
  [{ overlap: "queue" }, "too many runs of the job waited"],
] as const)("a slot that met the overlap policy says what was in its way: %j", (fields, what) => {
  const run = sampleRun({ state: "skipped", reason: "overlap", ...fields });
  expect(describeRun(run)).toBe(`Skipped: ${what} when it was to start.`);
});

test.each([
  ["job", { notStarted: 2 }, "2 not begun. The job is paused: no other host begins it."],
  ["all", { running: 1, waiting: 1 }, "1 running, 1 waiting. All jobs are paused: no other host begins it."],
  ["job", { running: 1, completed: 1 }, "1 completed, 1 running."],
  [undefined, { notStarted: 2 }, "2 not begun."],
] as const)("a run on several hosts says when hosts wait for a pause: %s %j", (paused, counts, sentence) => {
  const hosts = { completed: 0, failed: 0, cancelled: 0, skipped: 0, notStarted: 0, ...counts };
  const run = sampleRun({ state: "running", fanOut: { agents: ["a", "b"] } });
  expect(describeRun(run, { hosts, paused })).toBe(`Running on 2 hosts: ${sentence}`);
  expect(describeRun({ ...run, cancel }, { hosts, paused })).toContain("bob asked to cancel it");
});

test("processes that are left over and bytes of the log that are missing are named", () => {
  const output = {
    location: "x",
    attempts: [
      {
        attempt: 1,
        log: {
          lengthBytes: 9,
          complete: false,
          missing: [
            [0, 3],
            [5, 6],
          ] as [number, number][],
        },
        artifacts: [],
      },
    ],
  };
  const run = { ...ended("cancelled", "cancelled-by", { signal: "SIGKILL", leftOverPids: [7, 8] }), cancel, output };
  expect(describeRun(run)).toBe(
    "Cancelled by bob: the script ended with signal SIGKILL on host-a. Processes that could not be ended: 7, 8. The log is not complete: bytes 0–2, 5–5 are missing.",
  );
});

test("why the last try was not started is told while the run waits, and when that was the end", () => {
  const refusal: Refusal = { code: "spawn-failed", message: "No memory." };
  const attempts = assignedRun().attempts.map((one) => ({ ...one, refusal }));
  expect(describeRun(sampleRun({ attempts, waitingFor: "agent" }))).toContain(
    "The last try was not started: No memory.",
  );
  expect(describeRun(sampleRun({ attempts, state: "failed", reason: "refused-by-agent" }))).toBe(
    "The agent on host-a refused it: No memory.",
  );
});
