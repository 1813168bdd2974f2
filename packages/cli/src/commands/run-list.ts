import type { Context } from "../context.ts";
import { given } from "../given.ts";
import { filterOf, type FilterOptions } from "../list-options.ts";
import type { Cell } from "../output.ts";
import { durationText, instantText, stateCell } from "../view-text.ts";

/** Options of `jobs list`. */
export interface ListOptions extends FilterOptions {
  readonly limit: string;
  readonly after?: string;
  readonly counts?: true;
  readonly pending?: true;
}

const HEADER = ["RUN", "JOB", "STATE", "ON", "SUBMITTED", "TOOK", "WHAT"].map((text): Cell => ({
  text,
  colour: "dim",
}));

/** Prints a page of runs, the newest first; or how many there are in each state. */
export async function listRuns(context: Context, options: ListOptions): Promise<void> {
  if (options.counts === true) return countRuns(context, options);
  if (options.pending === true) return listPending(context, options);
  const { jobs, output, io } = context;
  const { limit, after } = options;
  const wanted = { ...filterOf(options, Date.now()), limit, ...given({ after }) };
  const { runs, next } = await jobs.pageRuns(wanted, { signal: io.interrupt });
  if (output.isJson) return output.json({ runs, ...given({ next }) });
  if (runs.length === 0) return output.note("There are no such runs.");
  output.table([
    HEADER,
    ...runs.map((view) => [
      view.run,
      view.job,
      stateCell(view),
      view.on,
      instantText(view.times.submittedAt),
      durationText(view),
      view.sentence,
    ]),
  ]);
  if (next !== undefined) output.note(`There are more: --after ${next} shows the next ones.`);
}

const PENDING_HEADER = ["PLACE", "RUN", "JOB", "PRIORITY", "WANTED", "LIKELY START", "WHAT"].map((text): Cell => ({
  text,
  colour: "dim",
}));

async function listPending({ jobs, output, io }: Context, { job, agent, limit }: ListOptions): Promise<void> {
  const filter = { ...given({ job, agent }), limit };
  const pending = await jobs.listPending(filter, { signal: io.interrupt });
  if (output.isJson) return output.json({ pending });
  if (pending.length === 0) return output.note("Nothing waits.");
  output.table([
    PENDING_HEADER,
    ...pending.map(({ run, wantedAt, estimatedStartAt }) => [
      run.place === undefined ? "" : String(run.place),
      run.run,
      run.job,
      String(run.priority),
      instantText(wantedAt),
      instantText(estimatedStartAt),
      run.sentence,
    ]),
  ]);
}

async function countRuns({ jobs, output, io }: Context, options: ListOptions): Promise<void> {
  const counts = await jobs.countRuns(filterOf(options, Date.now()), { signal: io.interrupt });
  if (output.isJson) return output.json(counts);
  const rows = Object.entries(counts.states).map(([state, runs]) => [state, String(runs)]);
  output.table([...rows, ["in all", String(counts.total)]]);
}
