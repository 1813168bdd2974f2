/** What happened in a chaos run, counted. */
import type { Faults } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import type { Load } from "./load.ts";
import type { TakeOver, TakeOvers } from "./take-over.ts";
import type { Watcher } from "./watcher.ts";

export interface Counts {
  readonly submissions: number;
  /** Requests, repetitions included. */
  readonly requests: number;
  readonly accepted: number;
  readonly cancels: number;
  readonly observations: number;
  readonly scriptsStarted: number;
  readonly scriptsEnded: number;
  /** Of attempts that may. */
  readonly overlaps: number;
  readonly endings: Tally;
  readonly errors: Tally;
  readonly faults: Tally;
  readonly takeOvers: readonly TakeOver[];
}

export type Tally = Readonly<Record<string, number>>;

interface Sources {
  readonly ledger: Ledger;
  readonly watcher: Watcher;
  readonly load: Load;
  readonly faults: Faults;
  readonly takeOvers: TakeOvers;
}

export function countsOf({ ledger, watcher, load, faults, takeOvers }: Sources): Counts {
  const answers = ledger.submitted.flatMap((one) => one.answers);
  return {
    submissions: ledger.submitted.length,
    requests: answers.length,
    accepted: ledger.acknowledged().size,
    cancels: load.cancels,
    observations: ledger.observations,
    scriptsStarted: watcher.marks.filter(({ kind }) => kind === "start").length,
    scriptsEnded: watcher.marks.filter(({ kind }) => kind === "end").length,
    overlaps: watcher.together.length,
    endings: tally([...ledger.endings.values()].flatMap((seen) => [...seen].map((one) => one.split(" ")[0] ?? ""))),
    errors: tally(answers.flatMap(({ code }) => code ?? [])),
    faults: Object.fromEntries([...faults.counts].toSorted(([one], [other]) => one.localeCompare(other))),
    takeOvers: [...takeOvers.all],
  };
}

function tally(words: readonly string[]): Tally {
  const counts: Record<string, number> = {};
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** For people: a few lines. */
export function describeCounts(counts: Counts): string {
  const { submissions, requests, accepted, cancels, observations, scriptsStarted, scriptsEnded, overlaps } = counts;
  return [
    `${submissions} submissions in ${requests} requests, ${accepted} accepted, ${cancels} cancels, ${observations} observations`,
    `scripts: ${scriptsStarted} started, ${scriptsEnded} ended by themselves, ${overlaps} overlaps that may be`,
    `runs:    ${describeTally(counts.endings)}`,
    `errors:  ${describeTally(counts.errors)}`,
    `faults:  ${describeTally(counts.faults)}`,
    `take-over: ${describeTakeOvers(counts.takeOvers)}`,
  ].join("\n");
}

function describeTally(counts: Tally): string {
  return Object.entries(counts)
    .map(([word, count]) => `${word} ${count}`)
    .join(", ");
}

function describeTakeOvers(all: readonly TakeOver[]): string {
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  const times = all.map(({ tookMs }) => tookMs).toSorted((one, other) => one - other);
  const median = times[Math.floor(times.length / 2)];
  if (median === undefined) return "none";
  const each = all.map(({ fault, tookMs }) => `${seconds(tookMs)} (${fault})`);
  return `median ${seconds(median)} s, longest ${seconds(times.at(-1) ?? 0)} s of ${all.length}: ${each.slice(-12).join(", ")}`;
}
