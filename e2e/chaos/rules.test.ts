/** Every rule finds what breaks it: a sound history passes, and each planted fault is found by the rule that is for it. */
import type { RunView } from "@jobs/core";
import { describe, expect, test } from "vitest";
import { describeEnding, endingOf, type Answer, type Submitted } from "./ledger.ts";
import { parseMark, type Mark } from "./marks.ts";
import { findViolations, type History } from "./rules.ts";
import { expectedOutput, KEPT_FILE, type ScriptShape } from "./script.ts";

const SHAPE: ScriptShape = {
  exitCode: 0,
  lines: 2,
  ignoresTerm: false,
  ignoresHangUp: false,
  leavesChild: false,
  keepsFile: true,
};

interface Start {
  readonly run: string;
  readonly fence: number;
  readonly job?: string;
  readonly attempt?: number;
  readonly lock?: "free" | "taken";
  readonly mode?: "-x" | "-s";
}

function start({ run, fence, job = "backup", attempt = 1, lock = "free", mode = "-x" }: Start): Mark {
  return parseMark(`start ${job} ${run} ${attempt} ${mode} ${lock} epoch:${fence} 100 2000 12.34`);
}

function end(run: string, exitCode = 0): Mark {
  return parseMark(`end ${run} 1 ${exitCode} 13.00`);
}

function view(run: string, change: Partial<RunView> = {}): RunView {
  const [submittedAt, runningAt, endedAt, settledAt] = ["00", "01", "02", "03"].map((s) => `2026-01-01T00:00:${s}Z`);
  const log = { lengthBytes: 16, complete: true };
  return {
    run,
    job: "backup",
    state: "completed",
    reason: "exit",
    sentence: "It ended.",
    on: "host-1",
    overlap: "reject",
    priority: 5,
    submittedBy: "chaos",
    times: { submittedAt: submittedAt ?? "", runningAt, endedAt, settledAt },
    attempt: 1,
    exitCode: 0,
    output: { location: "file:x", log, artifacts: [{ name: KEPT_FILE, sizeBytes: 5, sha256: "0" }] },
    ...change,
  };
}

function submitted(run: string, more: readonly Partial<Answer>[] = []): Submitted {
  const first: Answer = { sentAt: 0, at: 10, server: "server-1", run };
  const rest = more.map((one): Answer => ({ sentAt: 20, at: 30, server: "server-2", ...one }));
  return { job: "backup", key: `key of ${run}`, overlap: "reject", shape: SHAPE, answers: [first, ...rest] };
}

/** Two runs of one job, one after the other, seen while they went on. */
function soundHistory(): History {
  const finals = new Map(["a", "b"].map((run) => [run, view(run)]));
  return {
    marks: [start({ run: "a", fence: 1 }), end("a"), start({ run: "b", fence: 2 }), end("b")],
    together: [],
    submitted: [submitted("a", [{ run: "a" }, { code: "no-deciding-server" }]), submitted("b")],
    endings: new Map([...finals].map(([run, one]) => [run, new Set([endedAs(one)])])),
    finals,
    logs: new Map(["a", "b"].map((run) => [run, expectedOutput(SHAPE)])),
  };
}

function endedAs(one: RunView): string {
  const ending = endingOf(one);
  return ending === undefined ? "" : describeEnding(ending);
}

function withFinal(run: string, change: Partial<RunView>): Partial<History> {
  const finals = new Map([...soundHistory().finals, [run, view(run, change)]]);
  return { finals, endings: new Map() };
}

function withLog(log: NonNullable<RunView["output"]>["log"]): Partial<History> {
  return withFinal("a", { output: { location: "file:x", log, artifacts: [] } });
}

function seenTogether(modes: readonly ["-x" | "-s", "-x" | "-s"]): Partial<History> {
  const [earlier, later] = modes.map((mode, index) => start({ run: `r${index}`, fence: index + 1, mode }));
  if (earlier?.kind !== "start" || later?.kind !== "start") throw new Error("no marks");
  return { together: [{ earlier, later }] };
}

test("a sound history breaks no rule", () => {
  expect(findViolations(soundHistory())).toEqual([]);
});

test("attempts that both allow it may overlap, and their fences may come in any order", () => {
  const both = ["-s", "-s"] as const;
  const marks = [
    start({ run: "b", fence: 2, mode: "-s" }),
    start({ run: "a", fence: 1, mode: "-s" }),
    end("a"),
    end("b"),
  ];
  expect(findViolations({ ...soundHistory(), marks, ...seenTogether(both) })).toEqual([]);
});

test("a script that was killed leaves no end mark, and the next one starts", () => {
  const output = { location: "file:x", log: { lengthBytes: 8, complete: false }, artifacts: [] };
  const killed = withFinal("a", { state: "failed", reason: "supervisor-ended", exitCode: undefined, output });
  const marks = [start({ run: "a", fence: 1 }), start({ run: "b", fence: 2 }), end("b")];
  const logs = new Map([["a", "line 1\r\n"]]);
  expect(findViolations({ ...soundHistory(), ...killed, marks, logs })).toEqual([]);
});

describe("a planted fault is found", () => {
  test.each<[rule: string, fault: string, planted: Partial<History>]>([
    [
      "no overlap by the marks",
      "a start between the start and the end of another run",
      { marks: [start({ run: "a", fence: 1 }), start({ run: "b", fence: 2 }), end("a"), end("b")] },
    ],
    [
      "no overlap by the marks",
      "a start of one that allows it beside one that does not",
      { marks: [start({ run: "a", fence: 1 }), start({ run: "b", fence: 2, mode: "-s" }), end("a"), end("b")] },
    ],
    [
      "no overlap by the lock",
      "a start that did not get the lock of the job",
      { marks: [start({ run: "a", fence: 1 }), end("a"), start({ run: "b", fence: 2, lock: "taken" }), end("b")] },
    ],
    [
      "no overlap by the processes",
      "two processes at once, of which one does not allow it",
      seenTogether(["-s", "-x"]),
    ],
    [
      "an attempt starts once",
      "a second start mark of an attempt",
      { marks: [...soundHistory().marks, start({ run: "b", fence: 3 }), end("b")] },
    ],
    [
      "an attempt starts once",
      "a second attempt of a run",
      { marks: [start({ run: "b", fence: 1, attempt: 2 }), ...soundHistory().marks.slice(2)] },
    ],
    [
      "fences rise",
      "a fence below the one before",
      { marks: [start({ run: "a", fence: 3 }), end("a"), start({ run: "b", fence: 2 }), end("b")] },
    ],
    [
      "fences rise",
      "a fence below that of one that allows overlap",
      { marks: [start({ run: "a", fence: 3, mode: "-s" }), end("a"), start({ run: "b", fence: 2 }), end("b")] },
    ],
    ["one key, one run", "two runs for one key", { submitted: [submitted("a", [{ run: "b" }])] }],
    ["one key, one run", "a rejection after the run", { submitted: [submitted("a", [{ code: "job-busy" }])] }],
    ["an accepted run is there", "an accepted run that nobody knows", { submitted: [submitted("c")] }],
    [
      "an accepted run is there and ends",
      "a run that goes on",
      withFinal("c", { state: "running", times: { submittedAt: "2026-01-01T00:00:00Z" }, exitCode: undefined }),
    ],
    [
      "an end is final",
      "another end than was seen before",
      { endings: new Map([["a", new Set([endedAs(view("a", { state: "failed", reason: "signal" }))])]]) },
    ],
    [
      "the record tells what the script did",
      "another exit code",
      { marks: [...soundHistory().marks.slice(0, 3), end("b", 7)] },
    ],
    [
      "the record tells what the script did",
      "an exit code of a script that did not end by itself",
      { marks: soundHistory().marks.slice(0, 3) },
    ],
    [
      "the record tells what the script did",
      "a script without a record",
      { marks: [...soundHistory().marks, start({ run: "c", fence: 3 })] },
    ],
    [
      "the record tells what the script did",
      "a run that is said not to have started, and has",
      withFinal("a", { state: "cancelled", times: { submittedAt: "", endedAt: "", settledAt: "" } }),
    ],
    ["a log is whole", "a log that lacks bytes and does not say which", withLog({ lengthBytes: 16, complete: false })],
    ["a log is whole", "a run without a log", withLog(undefined)],
    ["a log is whole", "a log called complete that has other bytes", { logs: new Map([["a", "line 1\r\n"]]) }],
    ["a log is whole", "a file that was not kept", withLog({ lengthBytes: 16, complete: true })],
  ])("by “%s”: %s", (rule, _, planted) => {
    const found = findViolations({ ...soundHistory(), ...planted });
    expect(found.filter((one) => one.startsWith(rule))).toHaveLength(1);
  });
});
