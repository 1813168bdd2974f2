import type { StoredLog } from "@jobs/core";
import type { LogChunk, RunHandle, RunResult, RunView } from "@jobs/sdk";
import type { Context } from "./context.ts";
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

/** Prints the log of a run as it comes, and beside it what happens to the run. On Ctrl-C it says how to come back. */
export async function printLog(
  { output, io }: Context,
  run: RunHandle,
  { from, live, only }: FollowOptions,
): Promise<void> {
  const signal = io.interrupt;
  const printer = new LogPrinter(output, from);
  run.on("retry", ({ error }) => printer.noteBreak(error));
  if (live) run.on("state", (view) => printState(output, view));
  const chunks = run.logs({ from, live, attempt: only, signal });
  try {
    let next = await chunks.next();
    for (; next.done !== true; next = await chunks.next()) await printer.print(next.value);
    sayHowItEnded(output, next.value);
  } catch (error) {
    if (signal.aborted) sayHowToComeBack(output, run, { from: printer.reached, only });
    throw error;
  } finally {
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
  else output.note(`jobs: ${view.sentence}`);
}

/** Prints the chunks of a log, and what must be said between them. */
class LogPrinter {
  readonly #output: Output;
  #reached: number;
  #attempt: number | undefined;
  #isCut = false;

  constructor(output: Output, from: number) {
    this.#output = output;
    this.#reached = from;
  }

  /** The offset behind the last byte. */
  get reached(): number {
    return this.#reached;
  }

  async print(chunk: LogChunk): Promise<void> {
    const output = this.#output;
    const { attempt, offset, bytes } = chunk;
    this.#isCut = false;
    if (this.#attempt !== undefined && attempt !== this.#attempt) {
      output.note(`jobs: Attempt ${attempt} begins.`);
      this.#reached = 0;
    }
    this.#attempt = attempt;
    if (offset > this.#reached) output.note(`Bytes ${this.#reached}–${offset - 1} of the log are lost.`);
    if (output.isJson) output.json({ type: "log", attempt, offset, sizeBytes: bytes.length, text: chunk.text });
    else await output.bytes(bytes);
    this.#reached = offset + bytes.length;
  }

  /** Says it once, until bytes come again. */
  noteBreak({ message }: Error): void {
    if (!this.#isCut) this.#output.note(`${message} Trying again …`);
    this.#isCut = true;
  }
}

/** Undefined: it has not ended. */
function sayHowItEnded(output: Output, log: StoredLog | undefined): void {
  if (output.isJson && log !== undefined) output.json({ type: "log-end", ...log });
  if (log?.complete === false) output.note("The log is not complete.");
}

function sayHowToComeBack(output: Output, run: RunHandle, { from, only }: Omit<FollowOptions, "live">): void {
  const ofAttempt = only === undefined ? "" : ` --attempt ${only}`;
  output.note("");
  output.note("jobs: The run goes on without you.");
  output.note(`  come back:  jobs logs -f ${run.id}${ofAttempt} --from ${from}`);
  output.note(`  end it:     jobs cancel ${run.id}`);
}
