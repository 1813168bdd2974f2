/** Looks through rows of HISTORY, the newest first: each costs a few comparisons of numbers. */
import { Reason, RunState } from "@jobs/core";
import { countWhile } from "./count-while.ts";
import type { HistoryRows, Place, Row } from "./history-rows.ts";
import { isNameLike, type RunSelection } from "./run-matches.ts";

export interface Selection {
  /** Rows, the oldest submission first. */
  readonly candidates: ArrayLike<Row>;
  readonly filter: RunSelection;
  /** Only those that are older. */
  readonly after?: Place | undefined;
}

const ALL = 0xffff_ffff;
const [UNKNOWN, YES, NO] = [0, 1, 2];

/** Calls `take` with each row that the filter lets through, the newest first, until it says false; parts of other runs are in no list. */
export function selectRows(
  rows: HistoryRows,
  { candidates, filter, after }: Selection,
  take: (row: Row) => boolean,
): void {
  const { submittedAtMs } = rows;
  const isWanted = test(rows, filter);
  if (isWanted === undefined) return;
  const sinceMs = filter.since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(filter.since);
  let end = candidates.length;
  if (filter.until !== undefined) {
    const untilMs = Date.parse(filter.until);
    end = countWhile(candidates, (row) => (submittedAtMs[row] ?? 0) < untilMs);
  }
  if (after !== undefined)
    end = Math.min(
      end,
      countWhile(candidates, (row) => rows.isBefore(row, after)),
    );
  for (let index = end - 1; index >= 0; index--) {
    const row = candidates[index] as Row;
    if ((submittedAtMs[row] ?? 0) < sinceMs) return;
    if (isWanted(row) && !take(row)) return;
  }
}

/** Undefined when no row can be wanted. */
function test(rows: HistoryRows, filter: RunSelection): ((row: Row) => boolean) | undefined {
  const { states, reasons, submittedBy, jobNumbers, isPart } = rows;
  // Bit 0 of a state is that of rows that were removed.
  const stateBits = bits(filter.state, RunState.options) & ~1;
  const reasonBits = bits(filter.reason, Reason.options);
  const job = filter.job === undefined ? undefined : rows.job(filter.job);
  const by = filter.submittedBy === undefined ? -1 : rows.submitters.find(filter.submittedBy);
  if (by === undefined || filter.agents?.length === 0) return undefined;
  const isThere = filter.agents === undefined ? undefined : agentTest(rows, filter.agents);
  const isNamed = filter.name === undefined ? undefined : nameTest(rows, filter.name);
  return (row) =>
    isPart[row] === 0 &&
    ((stateBits >>> (states[row] ?? 0)) & 1) === 1 &&
    ((reasonBits >>> (reasons[row] ?? 0)) & 1) === 1 &&
    (isThere === undefined || isThere(row)) &&
    (by < 0 || submittedBy[row] === by) &&
    (job === undefined || jobNumbers[row] === job.number) &&
    (isNamed === undefined || isNamed(jobNumbers[row] ?? 0));
}

/** By names and ids. */
function agentTest(
  { agents, agentNames, agentIds, hasOtherAgents, otherAgents }: HistoryRows,
  wanted: readonly string[],
): (row: Row) => boolean {
  const isWanted = new Uint8Array(agents.end);
  for (const one of wanted) isWanted[agents.find(one) ?? -1] = YES;
  const is = (agent: number | undefined): boolean => isWanted[agent ?? -1] === YES;
  return (row) =>
    is(agentNames[row]) || is(agentIds[row]) || (hasOtherAgents[row] === 1 && otherAgents.get(row)?.some(is) === true);
}

/** Each job is looked at once, however many runs it has. */
function nameTest(rows: HistoryRows, text: string): (job: number) => boolean {
  const isLike = isNameLike(text);
  const answers = new Uint8Array(rows.jobNumberEnd);
  return (job) => {
    if (answers[job] === UNKNOWN) answers[job] = isLike(rows.jobNumbered(job)?.name ?? "") ? YES : NO;
    return answers[job] === YES;
  };
}

function bits<T>(wanted: readonly T[] | undefined, options: readonly T[]): number {
  if (wanted === undefined) return ALL;
  return wanted.reduce((sum, one) => sum | (1 << (1 + options.indexOf(one))), 0);
}
