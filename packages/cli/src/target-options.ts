/** The options of the command line that say where a run goes; see `docs/targets.md`. */
import { JobsError } from "@jobs/core";
import type { SubmitInput } from "@jobs/sdk";
import { Option } from "commander";
import { given, madeOf } from "./given.ts";

/** As the command line gives them. */
export interface TargetOptions {
  readonly on?: string;
  readonly onAny?: string;
  readonly prefer?: readonly string[];
  readonly onAll?: string;
  readonly atOnce?: string;
  readonly maxFailed?: string;
}

/** `hint`: what `--on` means where it is used. */
export function targetOptions(hint: string): Option[] {
  return [
    new Option("--on <agent>", hint),
    new Option("--on-any <selector>", "any agent whose labels match, e.g. 'zone=eu, !gpu': the least loaded"),
    new Option("--prefer <selector>", "of those, ones that match this go first; may be repeated").argParser(
      (one: string, all: string[] | undefined) => [...(all ?? []), one],
    ),
    new Option("--on-all <selector>", "all agents whose labels match"),
    new Option("--at-once <share>", "on so many of those hosts at a time, e.g. 10 or 25%"),
    new Option("--max-failed <share>", "go to no other host once more have failed, e.g. 0 or 5%"),
  ];
}

export function targetOf(options: TargetOptions): Pick<SubmitInput, "on"> {
  const { on, onAny, prefer, onAll, atOnce, maxFailed } = options;
  if ([on, onAny, onAll].filter((one) => one !== undefined).length > 1)
    throw wrong("Give --on, --on-any or --on-all, not more than one of them.");
  if (prefer !== undefined && onAny === undefined) throw wrong("--prefer goes with --on-any.");
  if ((atOnce ?? maxFailed) !== undefined && onAll === undefined)
    throw wrong("--at-once and --max-failed go with --on-all.");
  if (onAny !== undefined) return { on: { any: onAny, ...given({ prefer: madeOf(prefer, (all) => [...all]) }) } };
  if (onAll === undefined) return given({ on });
  return { on: { all: onAll, ...limitsOf(options) } };
}

/** How a run goes to all hosts that match. */
export function limitsOf({ atOnce, maxFailed }: TargetOptions): {
  atOnce?: number | string;
  maxFailed?: number | string;
} {
  return given({ atOnce: madeOf(atOnce, shareOf), maxFailed: madeOf(maxFailed, shareOf) });
}

/** A number of hosts, or what the server checks: a percentage. */
function shareOf(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** For people. */
export function targetText(on: NonNullable<SubmitInput["on"]>): string {
  if (typeof on === "string") return on;
  if ("all" in on) {
    const { all, atOnce, maxFailed } = on;
    const rolling = atOnce === undefined ? "" : `, ${atOnce} at once`;
    return `all of ${all}${rolling}${maxFailed === undefined ? "" : `, until more than ${maxFailed} have failed`}`;
  }
  const { any, prefer = [] } = on;
  return `any of ${any}${prefer.length === 0 ? "" : `, first ${prefer.join(", then ")}`}`;
}

function wrong(message: string): JobsError {
  return new JobsError("invalid-request", message, { field: "on" });
}
