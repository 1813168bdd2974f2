/** The options of the command line that say what is run. */
import { readFile } from "node:fs/promises";
import { JobsError } from "@jobs/core";
import type { SubmitInput } from "@jobs/sdk";
import { Option } from "commander";
import { given, madeOf } from "./given.ts";
import type { CliIo } from "./io.ts";

/** As the command line gives them. */
export interface ContentOptions {
  readonly command?: string;
  readonly env?: readonly string[];
  readonly interpreter?: string;
}

/** `hints`: what the help says of the environment beside that, and of the interpreter when it is left out. */
export function contentOptions(hints: { readonly env: string; readonly interpreter: string }): Option[] {
  return [
    new Option("-c, --command <script>", "the script itself"),
    new Option(
      "-e, --env <name=value>",
      `environment of the script; may be repeated, of one name the last counts${hints.env}`,
    ).argParser((one: string, all: string[] | undefined) => [...(all ?? []), one]),
    new Option("--interpreter <command>", `command in front of the script; left out: ${hints.interpreter}`),
  ];
}

/** What goes with the script. */
export function contentOf({ env, interpreter }: ContentOptions): Pick<SubmitInput, "env" | "interpreter"> {
  return given({
    interpreter: interpreter?.trim().split(/\s+/),
    env: madeOf(env, (all) => Object.fromEntries(all.map(assignmentOf))),
  });
}

/** The script that `--script` or `-c` gives, if one does. */
export async function scriptOf(
  { script, command }: { readonly script?: string; readonly command?: string },
  io: CliIo,
): Promise<string | undefined> {
  if (command !== undefined && script !== undefined)
    throw new JobsError("invalid-request", "Give --script or -c, not both.", { field: "script" });
  return script === undefined ? command : readScript(script, io);
}

/** The script in a file; `-`: on standard input. */
export async function readScript(file: string, io: CliIo): Promise<string> {
  const bytes = file === "-" ? await readAll(io) : await readScriptFile(file);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    const where = file === "-" ? "Standard input" : file;
    throw new JobsError("invalid-request", `${where} is not text in UTF-8: a script is text.`, {
      field: "script",
      cause,
    });
  }
}

async function readScriptFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    const { message } = error as Error;
    throw new JobsError("script-missing", `The script cannot be read: ${message}.`, { field: "script", cause: error });
  }
}

/** Rejects with the reason of an interrupt: what is read may never end. */
function readAll({ stdin, interrupt }: CliIo): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const onInterrupt = (): void => reject(interrupt.reason as Error);
    interrupt.addEventListener("abort", onInterrupt, { once: true });
    if (interrupt.aborted) onInterrupt();
    joined(stdin)
      .finally(() => interrupt.removeEventListener("abort", onInterrupt))
      .then(resolve, reject);
  });
}

async function joined(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stdin) parts.push(part);
  return Buffer.concat(parts);
}

function assignmentOf(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new JobsError("invalid-request", `--env takes NAME=VALUE, not "${text}".`, { field: "env" });
}
