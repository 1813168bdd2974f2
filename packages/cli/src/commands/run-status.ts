import type { AttemptView, RunView } from "@jobs/sdk";
import type { Context } from "../context.ts";
import { getMeantRun } from "../find-run.ts";
import { madeOf } from "../given.ts";
import type { Cell } from "../output.ts";
import { durationText, instantText, sizeText, stateCell } from "../view-text.ts";

/** Prints where one run stands. */
export async function printRunStatus(context: Context, meant: string): Promise<void> {
  const view = await getMeantRun(context, meant);
  const { output } = context;
  if (output.isJson) return output.json(view);
  output.line(view.sentence);
  output.table(rowsOf(view));
  if (view.attempts !== undefined) output.table([ATTEMPTS_HEADER, ...view.attempts.map(attemptCells)]);
}

const ATTEMPTS_HEADER = ["ATTEMPT", "ON", "STARTED (HOST)", "ENDED (HOST)", "OUTCOME"].map((text): Cell => ({
  text,
  colour: "dim",
}));

function attemptCells({ number, on, startedAt, exitedAt, outcome, ...end }: AttemptView): Cell[] {
  const how = [
    end.refusal,
    end.cause,
    end.exitCode === undefined ? end.signal : `exit code ${end.exitCode}`,
    end.retryAt === undefined ? undefined : `tried again from ${instantText(end.retryAt)}`,
  ].filter((one) => one !== undefined);
  return [
    String(number),
    on,
    instantText(startedAt),
    instantText(exitedAt),
    how.length === 0 ? outcome : `${outcome}: ${how.join(", ")}`,
  ];
}

type Row = [label: string, cell: Cell | undefined];

/** What it runs after, and what runs after it. */
function chainRowsOf({ after, dependents = [] }: RunView): Row[] {
  const before = (after?.runs ?? []).map(({ job, run, state }): Row => {
    const where = state === undefined ? "" : `, ${state}`;
    return ["after", `${run} of ${job}${where}`];
  });
  return [
    ...before,
    ["after on", after === undefined ? undefined : `${after.on}, otherwise ${after.otherwise}`],
    ...dependents.map(({ job, run }): Row => ["dependent", `${run} of ${job}`]),
  ];
}

function slotText({ schedule, at, until, count = 1 }: NonNullable<RunView["slot"]>): string {
  const when = count === 1 ? instantText(at) : `${count} slots, ${instantText(at)} to ${instantText(until)}`;
  return `${schedule}: ${when}`;
}

/** One that never ran has no duration. */
function endedText(view: RunView): string | undefined {
  const { runningAt, endedAt } = view.times;
  if (endedAt === undefined || runningAt === undefined) return madeOf(endedAt, instantText);
  return `${instantText(endedAt)} after ${durationText(view)}`;
}

function rowsOf(view: RunView): Cell[][] {
  const { times, output } = view;
  const log = output?.log;
  const rows: Row[] = [
    ["run", view.run],
    ["job", view.job],
    ["state", stateCell(view)],
    ["reason", view.reason],
    ["waiting for", view.waitingFor],
    ["place in line", view.place === undefined ? undefined : String(view.place)],
    ["behind", view.blockedBy],
    ...chainRowsOf(view),
    ["waits until", view.waitEndsAt === undefined ? undefined : instantText(view.waitEndsAt)],
    ["next try", view.retryAt === undefined ? undefined : instantText(view.retryAt)],
    ["held by", view.heldBy],
    ["on", view.on],
    ["priority", view.priority === 5 ? undefined : String(view.priority)],
    ["overlap", view.overlap],
    [
      "silent since",
      view.silentSince === undefined ? undefined : { text: instantText(view.silentSince), colour: "red" },
    ],
    ["repeats", view.rerunOf],
    ...Object.entries(view.parameters ?? {}).map(([name, value]): [string, string] => ["with", `${name}=${value}`]),
    ["resolved by", view.resolvedBy],
    ["submitted", `${instantText(times.submittedAt)} by ${view.submittedBy}`],
    ["due", times.dueAt === undefined || times.dueAt === times.submittedAt ? undefined : instantText(times.dueAt)],
    ["slot of", view.slot === undefined ? undefined : slotText(view.slot)],
    ["running", times.runningAt === undefined ? undefined : instantText(times.runningAt)],
    ["ended", endedText(view)],
    ["exit code", view.exitCode === undefined ? undefined : String(view.exitCode)],
    ["signal", view.signal],
    [
      "log",
      log === undefined ? undefined : `${sizeText(log.lengthBytes)}, ${log.complete ? "complete" : "not complete"}`,
    ],
    ["artifacts", output === undefined ? undefined : String(output.artifacts.length)],
  ];
  return rows.flatMap(([label, cell]) => (cell === undefined ? [] : [[{ text: label, colour: "dim" } as const, cell]]));
}
