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
  let reached = from;
  let isCut = false;
  let attempt: number | undefined;
  run.on("retry", ({ error }) => {
    if (!isCut) output.note(`${error.message} Trying again …`);
    isCut = true;
  });
  if (live) run.on("state", (view) => printState(output, view));
  try {
    for await (const chunk of run.logs({ from, live, attempt: only, signal })) {
      isCut = false;
      if (attempt !== undefined && chunk.attempt !== attempt) {
        output.note(`jobs: Attempt ${chunk.attempt} begins.`);
        reached = 0;
      }
      ({ attempt } = chunk);
      if (chunk.offset > reached) output.note(`Bytes ${reached}–${chunk.offset - 1} of the log are lost.`);
      await printChunk(output, chunk);
      reached = chunk.offset + chunk.bytes.length;
    }
    if (only !== undefined) return;
    if (output.isJson && run.log !== undefined) output.json({ type: "log-end", ...run.log });
    if (run.log?.complete === false) output.note("The log is not complete.");
  } catch (error) {
    if (signal.aborted) sayHowToComeBack(output, run, reached);
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

async function printChunk(output: Output, chunk: LogChunk): Promise<void> {
  const { attempt, offset, bytes } = chunk;
  if (output.isJson) output.json({ type: "log", attempt, offset, sizeBytes: bytes.length, text: chunk.text });
  else await output.bytes(bytes);
}

function sayHowToComeBack(output: Output, run: RunHandle, reached: number): void {
  output.note("");
  output.note("jobs: The run goes on without you.");
  output.note(`  come back:  jobs logs -f ${run.id} --from ${reached}`);
  output.note(`  end it:     jobs cancel ${run.id}`);
}
