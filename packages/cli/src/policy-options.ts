/** The options of the command line that make a policy; see `docs/overlap.md`. */
import { JobsError } from "@jobs/core";
import type { PolicySettings } from "@jobs/sdk";
import { Option } from "commander";
import { durationMsOf } from "./duration.ts";
import { retryOptions, triesOf, type RetryOptions } from "./retry-options.ts";

/** As the command line gives them. */
export interface PolicyOptions extends RetryOptions {
  readonly overlap?: NonNullable<PolicySettings["overlap"]>;
  readonly queueLimit?: string;
  readonly waitAtMost?: string;
  readonly lostAfter?: string;
  readonly grace?: string;
  readonly onLost?: NonNullable<PolicySettings["onLost"]>;
}

const OVERLAPS = ["reject", "queue", "queue-latest", "replace", "allow"] satisfies PolicyOptions["overlap"][];
const ON_LOST = ["fail", "retry", "hold"] satisfies PolicyOptions["onLost"][];

export function policyOptions(): Option[] {
  return [
    new Option("--overlap <policy>", "when a run of the job lives already").choices(OVERLAPS),
    new Option("--queue-limit <number>", "so many runs of the job may wait"),
    new Option("--wait-at-most <time>", "skip a run that waited for so long, e.g. 30s, 5m, 2h, 1d"),
    new Option("--lost-after <time>", "silence of the host after which a run is lost, at least 3m; or never"),
    new Option("--on-lost <what>", "what becomes of a lost run").choices(ON_LOST),
    new Option("--grace <time>", "between asking a script to end and ending it"),
    ...retryOptions(),
  ];
}

export function policyOf(options: PolicyOptions): PolicySettings {
  const { overlap, queueLimit, waitAtMost, lostAfter, grace, onLost } = options;
  return {
    ...(overlap === undefined ? {} : { overlap }),
    ...(queueLimit === undefined ? {} : { queueLimit: numberOf(queueLimit) }),
    ...(waitAtMost === undefined ? {} : { waitAtMostMs: durationMsOf(waitAtMost, "waitAtMostMs") }),
    ...(lostAfter === undefined
      ? {}
      : { lostAfterMs: lostAfter === "never" ? null : durationMsOf(lostAfter, "lostAfterMs") }),
    ...(grace === undefined ? {} : { graceMs: durationMsOf(grace, "graceMs") }),
    ...(onLost === undefined ? {} : { onLost }),
    ...triesOf(options),
  };
}

function numberOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new JobsError("invalid-request", `--queue-limit takes a number, not "${text}".`, { field: "queueLimit" });
}
