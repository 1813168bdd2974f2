/** The options of the command line that say when a run starts, and after what. */
import type { SubmitInput } from "@jobs/sdk";
import { Option } from "commander";
import { durationMsOf } from "./duration.ts";
import { given, madeOf } from "./given.ts";

type After = NonNullable<SubmitInput["after"]>;

/** As the command line gives them. */
export interface WhenOptions {
  readonly at?: string;
  readonly in?: string;
  readonly zone?: string;
  readonly after?: readonly string[];
  readonly afterJob?: readonly string[];
  readonly afterOn?: NonNullable<After["on"]>;
  readonly otherwise?: NonNullable<After["otherwise"]>;
}

const ON = ["completed", "failed", "ended"] satisfies WhenOptions["afterOn"][];
const OTHERWISE = ["skip", "run"] satisfies WhenOptions["otherwise"][];

export function whenOptions(): Option[] {
  const all = (one: string, before: string[] | undefined): string[] => [...(before ?? []), one];
  return [
    new Option("--at <instant>", "when it starts: 2026-12-01T02:30:00+01:00, or a wall clock in --zone"),
    new Option("--in <time>", "start it so long from now, e.g. 30s, 5m, 2h").conflicts(["at", "zone"]),
    new Option("--zone <zone>", "time zone of --at, e.g. Europe/Berlin"),
    new Option("--after <run>", "start it once this run has ended; may be repeated").argParser(all),
    new Option("--after-job <job>", "the same for the latest run of a job; may be repeated").argParser(all),
    new Option("--after-on <end>", "how they must have ended (default: completed)").choices(ON),
    new Option("--otherwise <what>", "when one has ended otherwise (default: skip)").choices(OTHERWISE),
  ];
}

export function whenOf(options: WhenOptions, nowMs: number): Pick<SubmitInput, "at" | "zone" | "after"> {
  const { zone, after, afterJob, afterOn, otherwise } = options;
  const at = madeOf(options.in, (text) => new Date(nowMs + durationMsOf(text, "at")).toISOString()) ?? options.at;
  const chain = given({ runs: madeOf(after, list), jobs: madeOf(afterJob, list), on: afterOn, otherwise });
  return given({ at, zone, after: Object.keys(chain).length === 0 ? undefined : chain });
}

function list(all: readonly string[]): string[] {
  return [...all];
}
