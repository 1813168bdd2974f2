/** Looks through rows of HISTORY, the newest first: each costs a few comparisons of numbers. */
import { Reason, RunState, type RunFilter } from "@jobs/core";
import type { HistoryRows, Place, Row } from "./history-rows.ts";
import { isNameLike } from "./run-matches.ts";

export interface Selection {
  /** Rows, the oldest submission first. */
  readonly candidates: ArrayLike<Row>;
  readonly filter: RunFilter;
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

/** How many candidates, from the first one on, `holds` is true for. */
function countWhile(candidates: ArrayLike<Row>, holds: (row: Row) => boolean): number {
  let [low, high] = [0, candidates.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(candidates[middle] as Row)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Undefined when no row can be wanted. */
function test(rows: HistoryRows, filter: RunFilter): ((row: Row) => boolean) | undefined {
  const { states, reasons, agentNames, agentIds, submittedBy, jobNumbers, isPart } = rows;
  const { hasOtherAgents, otherAgents } = rows;
  // Bit 0 of a state is that of rows that were removed.
  const stateBits = bits(filter.state, RunState.options) & ~1;
  const reasonBits = bits(filter.reason, Reason.options);
  const job = filter.job === undefined ? undefined : rows.job(filter.job);
  const agent = filter.agent === undefined ? -1 : rows.agents.find(filter.agent);
  const by = filter.submittedBy === undefined ? -1 : rows.submitters.find(filter.submittedBy);
  if (agent === undefined || by === undefined) return undefined;
  const isNamed = filter.name === undefined ? undefined : nameTest(rows, filter.name);
  return (row) =>
    isPart[row] === 0 &&
    ((stateBits >>> (states[row] ?? 0)) & 1) === 1 &&
    ((reasonBits >>> (reasons[row] ?? 0)) & 1) === 1 &&
    (agent < 0 ||
      agentNames[row] === agent ||
      agentIds[row] === agent ||
      (hasOtherAgents[row] === 1 && otherAgents.get(row)?.includes(agent) === true)) &&
    (by < 0 || submittedBy[row] === by) &&
    (job === undefined || jobNumbers[row] === job.number) &&
    (isNamed === undefined || isNamed(jobNumbers[row] ?? 0));
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
