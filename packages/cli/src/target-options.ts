/** The options of the command line that say where a run goes; see `docs/targets.md`. */
import { JobsError } from "@jobs/core";
import type { SubmitInput } from "@jobs/sdk";
import { Option } from "commander";

/** As the command line gives them. */
export interface TargetOptions {
  readonly on?: string;
  readonly onAny?: string;
  readonly prefer?: readonly string[];
}

/** `hint`: what `--on` means where it is used. */
export function targetOptions(hint: string): Option[] {
  return [
    new Option("--on <agent>", hint),
    new Option("--on-any <selector>", "any agent whose labels match, e.g. 'zone=eu, !gpu': the least loaded"),
    new Option("--prefer <selector>", "of those, ones that match this go first; may be repeated").argParser(
      (one: string, all: string[] | undefined) => [...(all ?? []), one],
    ),
  ];
}

export function targetOf({ on, onAny, prefer }: TargetOptions): Pick<SubmitInput, "on"> {
  if (on !== undefined && onAny !== undefined) throw wrong("Give --on or --on-any, not both.");
  if (prefer !== undefined && onAny === undefined) throw wrong("--prefer goes with --on-any.");
  if (onAny === undefined) return on === undefined ? {} : { on };
  return { on: { any: onAny, ...(prefer === undefined ? {} : { prefer: [...prefer] }) } };
}

/** For people. */
export function targetText(on: NonNullable<SubmitInput["on"]>): string {
  if (typeof on === "string") return on;
  const { any, prefer = [] } = on;
  return `any of ${any}${prefer.length === 0 ? "" : `, first ${prefer.join(", then ")}`}`;
}

function wrong(message: string): JobsError {
  return new JobsError("invalid-request", message, { field: "on" });
}
