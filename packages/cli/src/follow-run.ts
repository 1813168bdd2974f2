import type { RunHandle, RunResult, RunView } from "@jobs/sdk";
import type { Context } from "./context.ts";
import { printHosts } from "./follow-hosts.ts";
import { LogPrinter, printChunks } from "./log-printer.ts";
import type { Output } from "./output.ts";

/** What to show of a log. */
export interface FollowOptions {
  /** Offset of the first byte. */
  readonly from: number;
  /** False: only what there is now. */
  readonly live: boolean;
  /** This attempt alone. */
  readonly only?: number | undefined;
}

/**
 * Prints the log of a run as it comes, and beside it what happens to the run; of one on several hosts, that is followed,
 * those of all of them. On Ctrl-C it says how to come back.
 */
export async function printLog(context: Context, run: RunHandle, options: FollowOptions): Promise<void> {
  const { output, io } = context;
  const { from, live, only } = options;
  const printer = new LogPrinter(output, { from });
  run.on("retry", ({ error }) => printer.noteBreak(error));
  const ends: RunView[] = [];
  // Each host has its own log: how the whole ended is said behind all of them.
  const isEndOfAll = ({ hosts, times }: RunView): boolean => hosts !== undefined && times.endedAt !== undefined;
  if (live) run.on("state", (view) => (isEndOfAll(view) ? void ends.push(view) : printState(output, view)));
  const stop = new AbortController();
  const signal = AbortSignal.any([io.interrupt, stop.signal]);
  try {
    const hosts = live && only === undefined ? printHosts(output, run, signal) : undefined;
    const [log] = await Promise.all([printChunks(printer, run.logs({ from, live, attempt: only, signal })), hosts]);
    for (const view of ends) printState(output, view);
    await printer.end(log);
  } catch (error) {
    if (io.interrupt.aborted) sayHowToComeBack(output, run, { from: printer.reached, only });
    throw error;
  } finally {
    stop.abort();
    run.close();
  }
}

/** Prints the log to its end, then how the run ended. */
export async function printToEnd(context: Context, run: RunHandle, from: number): Promise<RunResult> {
  await printLog(context, run, { from, live: true });
  const hadEnded = run.view.times.endedAt !== undefined;
  const result = await run.result({ signal: context.io.interrupt });
  if (!hadEnded) printState(context.output, result);
  return result;
}

/** Prints where a run stands: beside a log that is being followed. */
export function printState(output: Output, view: RunView): void {
  if (output.isJson) output.json({ type: "run", run: view });
  else sayState(output, view);
}

/** The same for people alone. */
export function sayState(output: Output, { run, sentence, reason }: RunView): void {
  output.note(`jobs: ${sentence}`);
  if (reason === "hosts-failed") output.note(`  which hosts: jobs hosts ${run}`);
}

function sayHowToComeBack(output: Output, run: RunHandle, { from, only }: Omit<FollowOptions, "live">): void {
  const ofAttempt = only === undefined ? "" : ` --attempt ${only}`;
  const since = run.view.hosts === undefined ? ` --from ${from}` : "";
  output.note("");
  output.note("jobs: The run goes on without you.");
  output.note(`  come back:  jobs logs -f ${run.id}${ofAttempt}${since}`);
  output.note(`  end it:     jobs cancel ${run.id}`);
}
