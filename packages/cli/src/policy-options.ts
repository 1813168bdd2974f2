/** The options of the command line that make a policy; see `docs/overlap.md`. */
import type { PolicySettings } from "@jobs/sdk";
import { Option } from "commander";
import { durationMsOf, limitMsOf } from "./duration.ts";
import { given, madeOf, numberOf } from "./given.ts";
import { retryOptions, triesOf, type RetryOptions } from "./retry-options.ts";

/** As the command line gives them. */
export interface PolicyOptions extends RetryOptions {
  readonly overlap?: NonNullable<PolicySettings["overlap"]>;
  readonly priority?: string;
  readonly whenUnavailable?: NonNullable<PolicySettings["whenUnavailable"]>;
  readonly queueLimit?: string;
  readonly waitAtMost?: string;
  readonly lostAfter?: string;
  readonly grace?: string;
  readonly onLost?: NonNullable<PolicySettings["onLost"]>;
}

const OVERLAPS = ["reject", "queue", "queue-latest", "replace", "allow"] satisfies PolicyOptions["overlap"][];
const WHEN_UNAVAILABLE = ["wait", "reject"] satisfies PolicyOptions["whenUnavailable"][];
const ON_LOST = ["fail", "retry", "hold"] satisfies PolicyOptions["onLost"][];

export function policyOptions(): Option[] {
  return [
    new Option("--overlap <policy>", "when a run of the job lives already").choices(OVERLAPS),
    new Option("--priority <number>", "from 0 to 9: of runs that wait a higher one goes first; left out: 5"),
    new Option("--when-unavailable <what>", "when no agent that it may go to is there").choices(WHEN_UNAVAILABLE),
    new Option("--queue-limit <number>", "so many runs of the job may wait"),
    new Option("--wait-at-most <time>", "skip a run that waited for so long, e.g. 30s, 5m, 2h, 1d"),
    new Option("--lost-after <time>", "silence of the host after which a run is lost, at least 3m; or never"),
    new Option("--on-lost <what>", "what becomes of a lost run").choices(ON_LOST),
    new Option("--grace <time>", "between asking a script to end and ending it"),
    ...retryOptions(),
  ];
}

export function policyOf(options: PolicyOptions): PolicySettings {
  const { overlap, priority, whenUnavailable, queueLimit, waitAtMost, lostAfter, grace, onLost } = options;
  return {
    ...given({
      overlap,
      priority: madeOf(priority, (text) => numberOf(text, "--priority", "priority")),
      whenUnavailable,
      queueLimit: madeOf(queueLimit, (text) => numberOf(text, "--queue-limit", "queueLimit")),
      waitAtMostMs: madeOf(waitAtMost, (text) => durationMsOf(text, "waitAtMostMs")),
      lostAfterMs: madeOf(lostAfter, (text) => limitMsOf(text, "lostAfterMs")),
      graceMs: madeOf(grace, (text) => durationMsOf(text, "graceMs")),
      onLost,
    }),
    ...triesOf(options),
  };
}
