import { constants } from "node:os";
/**
 * The exit code of a command that stands for a run (`jobs submit --follow`):
 *
 *   the script's own             it ended by itself
 *   128 + n                      signal n ended it, and nobody asked Jobs for that
 *   110 …                        it did not end by itself: see {@link EXIT_CODES}
 *
 * Errors of Jobs itself have the codes of sysexits (64 to 78); 130 is Ctrl-C, which leaves the run alone.
 */
import type { RunView } from "@jobs/sdk";

/** Exit codes of runs that did not end by themselves. */
export const EXIT_CODES = {
  cancelled: 110,
  skipped: 111,
  lost: 112,
  "host-restarted": 113,
  "host-stopped": 114,
  "supervisor-ended": 115,
  "refused-by-agent": 116,
  "hosts-failed": 117,
  /** As the shell's `timeout` has it. */
  timeout: 124,
  /** Any other end of which nobody knows an exit code. */
  unknown: 119,
} as const;

/** Ctrl-C. */
export const INTERRUPTED = 130;
/** The output cannot be written, as on a full disk (EX_IOERR). */
export const NOT_WRITTEN = 74;
/** The reader of the output has gone: 128 + SIGPIPE. */
export const READER_GONE = 141;
/** The command line is wrong (EX_USAGE). */
export const USAGE = 64;

/** The exit code for a run that has ended. */
export function exitCodeOfRun({ state, reason, exitCode, signal }: RunView): number {
  if (state === "cancelled" || state === "skipped") return EXIT_CODES[state];
  if (reason !== undefined && reason !== "exit" && reason !== "signal" && Object.hasOwn(EXIT_CODES, reason)) {
    return EXIT_CODES[reason as keyof typeof EXIT_CODES];
  }
  if (exitCode !== undefined) return exitCode;
  // One without a name, `SIG34`, says its number.
  const number = constants.signals[signal as NodeJS.Signals] ?? Number(/^SIG(\d+)$/.exec(signal ?? "")?.[1]);
  if (number > 0) return 128 + number;
  return state === "completed" ? 0 : EXIT_CODES.unknown;
}
