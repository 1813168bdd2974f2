/** The logs of all hosts of a run, as they come. */
import type { RunHandle, RunPart } from "@jobs/sdk";
import { LogPrinter, printChunks } from "./log-printer.ts";
import type { HostLabel, Output } from "./output.ts";

/** So many logs are read at once, each over a socket of its own; that of a further host comes once one of them has ended. */
export const HOSTS_AT_ONCE = 256;
const COLOURS = ["cyan", "yellow", "green", "magenta", "blue"] as const satisfies HostLabel["colour"][];

/** Prints the logs of a run's hosts, from when it has begun there to their ends; of a run for one host nothing. */
export async function printHosts(output: Output, run: RunHandle, signal: AbortSignal): Promise<void> {
  const open = new Map<RunPart, Promise<void>>();
  const failed = new AbortController();
  let seen = 0;
  try {
    for await (const part of run.parts({ signal: AbortSignal.any([signal, failed.signal]) })) {
      if (open.size === HOSTS_AT_ONCE) await Promise.race(open.values());
      const label = { text: part.name, colour: COLOURS[seen++ % COLOURS.length] ?? "cyan" };
      const printed = printHost(new LogPrinter(output, { host: label }), part.run)
        .catch((error: unknown) => failed.abort(error))
        .finally(() => open.delete(part));
      open.set(part, printed);
    }
    await Promise.all(open.values());
    failed.signal.throwIfAborted();
  } finally {
    for (const { run: part } of open.keys()) part.close();
  }
}

/** All its attempts: it may have been tried again before it was looked at. */
async function printHost(printer: LogPrinter, part: RunHandle): Promise<void> {
  await printer.end(await printChunks(printer, part.logs({ fromAttempt: 1 })));
}
