/** The options of the command line that say which runs a list shows; see `docs/history.md`. */
import type { RunFilter } from "@jobs/sdk";
import { Option } from "commander";
import { durationMsOf } from "./duration.ts";
import { given, madeOf } from "./given.ts";

/** As the command line gives them. */
export interface FilterOptions {
  readonly job?: string;
  readonly text?: string;
  readonly state?: readonly string[];
  readonly reason?: readonly string[];
  readonly agent?: string;
  readonly label?: string;
  readonly by?: string;
  readonly since?: string;
  readonly until?: string;
}

export function filterOptions(): Option[] {
  const all = (some: string, before: string[] | undefined): string[] => [...(before ?? []), ...some.split(",")];
  return [
    new Option("--job <job>", "only of this job"),
    new Option("--text <text>", "only of jobs with this text in their name"),
    new Option("--state <states>", "only in one of these states, e.g. failed,cancelled").argParser(all),
    new Option("--reason <reasons>", "only those that ended for one of these reasons, e.g. timeout,lost").argParser(
      all,
    ),
    new Option("--agent <agent>", "only on this agent, by its name or id"),
    new Option("--label <selector>", "only on agents whose labels match, as they are now, e.g. 'zone=eu, !gpu'"),
    new Option("--by <who>", "only those that this user or tool has submitted"),
    new Option("--since <when>", "submitted then or later: 2026-12-01T02:30:00+01:00, or 2h for two hours ago"),
    new Option("--until <when>", "submitted before then"),
  ];
}

/** Which of them are shown, and what of them. */
export function pageOptions(): Option[] {
  const filters = filterOptions().map((option) => option.attributeName());
  return [
    new Option("--limit <number>", "at most this many, up to 500").default("20"),
    new Option("--after <place>", "go on where the page before ended: its `next`"),
    new Option("--counts", "only how many there are in each state").conflicts(["limit", "after", "pending"]),
    new Option(
      "--pending",
      "what waits, in line: for what, and when it is likely to start; with --job, --agent, --limit",
    ).conflicts(["after", ...filters.filter((name) => name !== "job" && name !== "agent")]),
  ];
}

export function filterOf(options: FilterOptions, nowMs: number): RunFilter {
  const { job, text, state, reason, agent, label, by, since, until } = options;
  // What is no state or no reason the server refuses by name.
  return given({
    job,
    name: text,
    state,
    reason,
    agent,
    labels: label,
    submittedBy: by,
    since: madeOf(since, (when) => momentOf(when, "since", nowMs)),
    until: madeOf(until, (when) => momentOf(when, "until", nowMs)),
  }) as RunFilter;
}

/** An instant as it is given, or so long before now. */
function momentOf(text: string, field: string, nowMs: number): string {
  if (/^\d{4}-/.test(text)) return text;
  return new Date(nowMs - durationMsOf(text, field)).toISOString();
}
