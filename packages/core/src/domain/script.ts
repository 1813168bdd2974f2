import { JobsError } from "../errors.ts";
import { textFault } from "./environment.ts";
import { SCRIPT_MAX_BYTES } from "./payload.ts";

/** Throws a {@link JobsError} that names the fault of a script that no host could run. `interpreter`: the one that somebody named. */
export function checkScript(script: string, interpreter?: readonly string[]): void {
  if (script.trim() === "") throw empty("is empty");
  if (script.includes("\0")) {
    const message = "The script has NUL bytes: a script is text. Is it a compiled program?";
    throw new JobsError("script-has-nul", message, { field: "script" });
  }
  if (textFault(script) !== undefined) {
    const message = "The script is not valid Unicode: it has half of a character (a lone surrogate).";
    throw new JobsError("invalid-request", message, { field: "script" });
  }
  // No UTF-16 unit takes more of UTF-8.
  const sizeBytes = script.length * 3 <= SCRIPT_MAX_BYTES ? 0 : new TextEncoder().encode(script).length;
  if (sizeBytes > SCRIPT_MAX_BYTES) {
    const message = `The script has ${sizeBytes} bytes: at most ${SCRIPT_MAX_BYTES} (1 MiB) are allowed.`;
    throw new JobsError("script-too-large", message, { field: "script" });
  }
  if (interpreter === undefined && isInterpreterLine(script)) throw empty("has nothing but its #! line");
  // To another interpreter such a line may be one to run.
  const isForBash = interpreter === undefined && interpreterOf(script)[0] === "bash";
  if (isForBash && !/^[ \t]*[^# \t\r\n]/m.test(script)) throw empty("has only comments");
}

function isInterpreterLine(script: string): boolean {
  if (!script.startsWith("#!")) return false;
  const end = script.indexOf("\n");
  return end < 0 || script.slice(end).trim() === "";
}

function empty(fault: string): JobsError {
  return new JobsError("script-empty", `The script ${fault}: give it at least one command.`, { field: "script" });
}

/** The command line that a script is run with: its `#!` line, else `bash`. */
export function interpreterOf(script: string): readonly string[] {
  const line = /^#![ \t]*([^\r\n]*)/.exec(script)?.[1]?.trim();
  if (line === undefined || line === "") return ["bash"];
  const space = line.search(/[ \t]/);
  if (space < 0) return [line];
  const command = line.slice(0, space);
  const rest = line.slice(space).trim();
  // The kernel hands over the rest of the line as one argument; `env -S` is there to split it.
  if (/(^|\/)env$/.test(command))
    return [
      command,
      ...rest
        .replace(/^-S/, "")
        .split(/[ \t]+/)
        .filter((word) => word !== ""),
    ];
  return [command, rest];
}

/** Options of `env` whose value is the next word. */
const TAKES_A_WORD = /^(-u|--unset|-C|--chdir)$/;

/** The program that must exist on the host: the interpreter, seen through `env`. */
export function programOf(interpreter: readonly string[]): string {
  const [command = "", ...rest] = interpreter;
  if (!/(^|\/)env$/.test(command)) return command;
  return (
    rest.find(
      (word, index) => !word.startsWith("-") && !word.includes("=") && !TAKES_A_WORD.test(rest[index - 1] ?? ""),
    ) ?? command
  );
}
