/**
 * What must hold of a chaos run, checked from outside: on the marks of the scripts, on what the watcher saw, on what
 * clients were answered, and on the records after everything was whole again. Each rule gives what breaks it.
 */
import type { RunView } from "@jobs/core";
import { describeEnding, endingOf, type Submitted } from "./ledger.ts";
import { attemptOf, type EndMark, type Mark, type StartMark } from "./marks.ts";
import { expectedOutput, KEPT_FILE } from "./script.ts";
import type { SeenTogether } from "./watcher.ts";

export interface History {
  readonly marks: readonly Mark[];
  readonly together: readonly SeenTogether[];
  readonly submitted: readonly Submitted[];
  /** How each run was seen ended while it went on. */
  readonly endings: ReadonlyMap<string, ReadonlySet<string>>;
  /** Each run as it is in the end. */
  readonly finals: ReadonlyMap<string, RunView>;
  /** The logs that were read in the end, by run. */
  readonly logs: ReadonlyMap<string, string>;
}

type Rule = (history: History) => Iterable<string>;

/** One line for everything that breaks a rule; empty when all is well. */
export function findViolations(history: History): string[] {
  return Object.entries(RULES).flatMap(([name, rule]) => [...rule(history)].map((what) => `${name}: ${what}`));
}

const RULES: Readonly<Record<string, Rule>> = {
  "no overlap by the marks": overlapsByMarks,
  "no overlap by the lock": ({ marks }) =>
    startsOf(marks)
      .filter(({ isLockFree }) => !isLockFree)
      .map((start) => `${describe(start)} started while another attempt of its job still held the lock`),
  "no overlap by the processes": ({ together }) =>
    together
      .filter(({ earlier, later }) => !mayBoth(earlier, later))
      .map(({ earlier, later }) => `${describe(earlier)} was alive when ${describe(later)} had started`),
  "an attempt starts once, and of a run only one": startsTwice,
  "fences rise": fencesThatFall,
  "one key, one run": keysOfTwoRuns,
  "an accepted run is there and ends": unendedRuns,
  "an end is final": changedEnds,
  "the record tells what the script did": wrongRecords,
  "a log is whole or says what is missing": wrongLogs,
};

function startsOf(marks: readonly Mark[]): StartMark[] {
  return marks.filter((mark) => mark.kind === "start");
}

function endsOf(marks: readonly Mark[]): Map<string, EndMark> {
  return new Map(marks.filter((mark) => mark.kind === "end").map((mark) => [attemptOf(mark), mark]));
}

function mayBoth(one: StartMark, other: StartMark): boolean {
  return one.isAllow && other.isAllow;
}

function describe({ job, run, attempt, pid, atSeconds }: StartMark): string {
  return `${job} ${run}.${attempt} (pid ${pid}, ${atSeconds} s)`;
}

/** An attempt without an end mark was killed: its end is told by the lock and the processes alone. */
function* overlapsByMarks({ marks }: History): Iterable<string> {
  const ends = endsOf(marks);
  const open = new Map<string, StartMark>();
  for (const mark of marks) {
    if (mark.kind === "end") open.delete(attemptOf(mark));
    if (mark.kind === "end") continue;
    for (const other of open.values())
      if (other.job === mark.job && !mayBoth(other, mark))
        yield `${describe(mark)} started before ${describe(other)} had ended`;
    if (ends.has(attemptOf(mark))) open.set(attemptOf(mark), mark);
  }
}

function* startsTwice({ marks }: History): Iterable<string> {
  const first = new Map<string, StartMark>();
  for (const start of startsOf(marks)) {
    const before = first.get(start.run);
    if (before !== undefined) yield `${describe(before)} and ${describe(start)}`;
    first.set(start.run, before ?? start);
  }
}

/** Of runs that may not overlap; attempts that may are on the way at the same time, in any order. */
function* fencesThatFall({ marks }: History): Iterable<string> {
  const highest = new Map<string, { any?: StartMark; alone?: StartMark }>();
  for (const start of startsOf(marks)) {
    const before = highest.get(start.job) ?? {};
    const last = start.isAllow ? before.alone : before.any;
    if (last !== undefined && !isAbove(start, last))
      yield `${describe(start)} has no higher fence than ${describe(last)}`;
    const any = before.any === undefined || isAbove(start, before.any) ? start : before.any;
    const alone = start.isAllow ? before.alone : start;
    highest.set(start.job, { any, ...(alone === undefined ? {} : { alone }) });
  }
}

function isAbove({ fence }: StartMark, { fence: other }: StartMark): boolean {
  return fence.epoch === other.epoch && fence.sequence > other.sequence;
}

function* keysOfTwoRuns({ submitted }: History): Iterable<string> {
  for (const { job, key, answers } of submitted) {
    const runs = new Set(answers.flatMap(({ run }) => run ?? []));
    if (runs.size > 1) yield `${job} “${key}” gave ${[...runs].join(" and ")}`;
    const first = answers.find(({ run }) => run !== undefined);
    for (const { code, sentAt, server } of answers)
      if (first !== undefined && sentAt > first.at && (code === "job-busy" || code === "key-conflict"))
        yield `${job} “${key}” was ${first.run}, then ${server} answered it with ${code}`;
  }
}

function* unendedRuns({ submitted, finals }: History): Iterable<string> {
  for (const { job, answers } of submitted)
    for (const run of new Set(answers.flatMap((answer) => answer.run ?? [])))
      if (!finals.has(run)) yield `${job} ${run} was accepted and is not there`;
  for (const view of finals.values())
    if (view.times.settledAt === undefined) yield `${view.job} ${view.run} is ${view.state}: ${view.sentence}`;
}

function* changedEnds({ endings, finals }: History): Iterable<string> {
  for (const [run, seen] of endings) {
    const final = finals.get(run);
    const last = final === undefined ? undefined : endingOf(final);
    const all = new Set([...seen, ...(last === undefined ? [] : [describeEnding(last)])]);
    if (all.size > 1) yield `${run} was seen ended as ${[...all].join(", and as ")}`;
  }
}

function* wrongRecords({ marks, finals }: History): Iterable<string> {
  const ends = endsOf(marks);
  const starts = new Map(startsOf(marks).map((start) => [start.run, start]));
  for (const start of starts.values())
    if (!finals.has(start.run)) yield `${describe(start)} ran, and there is no record of it`;
  for (const view of finals.values()) {
    const start = starts.get(view.run);
    const end = start === undefined ? undefined : ends.get(attemptOf(start));
    const is = `${view.run}.${view.attempt ?? "-"} is ${view.state}/${view.reason ?? "-"} exit ${view.exitCode ?? "-"}`;
    if (start !== undefined && start.attempt !== view.attempt) yield `${is}, but ${describe(start)} ran`;
    if (start !== undefined && view.times.runningAt === undefined)
      yield `${is} and never ran, but ${describe(start)} did`;
    if (view.exitCode !== undefined && view.exitCode !== end?.exitCode)
      yield `${is}, but its script ${end === undefined ? "left no end mark" : `ended with ${end.exitCode}`}`;
  }
}

function* wrongLogs({ submitted, finals, logs }: History): Iterable<string> {
  const shapes = new Map(submitted.flatMap(({ answers, shape }) => answers.map(({ run }) => [run, shape] as const)));
  for (const view of finals.values()) {
    const log = view.output?.log;
    const isBare = view.times.runningAt === undefined;
    if (view.times.settledAt === undefined || isBare) continue;
    // When nobody saw the end of a script, nobody knows what it printed last.
    const wasSeen = view.exitCode !== undefined || view.signal !== undefined;
    if (log === undefined) yield `${view.run} ran and has no log`;
    else if (wasSeen && !log.complete && (log.missing ?? []).length === 0)
      yield `${view.run} is not complete and does not say why`;
    const shape = shapes.get(view.run);
    if (shape === undefined || log?.complete !== true) continue;
    const isWhole = view.exitCode !== undefined;
    const text = logs.get(view.run);
    const expected = expectedOutput(shape);
    if (text !== undefined && (isWhole ? text !== expected : !expected.startsWith(text)))
      yield `${view.run} is called complete and has ${JSON.stringify(text)}`;
    const hasFile = view.output?.artifacts.some(({ name }) => name === KEPT_FILE) === true;
    if (isWhole && hasFile !== shape.keepsFile) yield `${view.run} ${hasFile ? "has" : "lacks"} ${KEPT_FILE}`;
  }
}
