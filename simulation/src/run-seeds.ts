/** One world after the other, until the steps, the time or the seeds are used up, or a rule is broken. */
import { OverlapPolicy, operations } from "@jobs/core";
import { enter } from "./kernel/machine.ts";
import type { Scale } from "./world/scale.ts";
import { World } from "./world/world.ts";

export interface RunSeedsOptions {
  readonly from: number;
  readonly to: number;
  /** In all. */
  readonly maxSteps: number | undefined;
  readonly maxMs: number | undefined;
  /** See {@link Scale}: what is not drawn from the seeds. */
  readonly scale: Partial<Scale>;
  /** Tells the last steps also of a world in which nothing is wrong. */
  readonly hasTrace: boolean;
  /** Goes on after a broken rule, and tells at the end which seeds broke which. */
  readonly keepsGoing: boolean;
  /** Real time. */
  readonly nowMs: () => number;
  readonly say: (line: string) => void;
}

export interface SeedsResult {
  readonly seeds: number;
  readonly steps: number;
  readonly elapsedMs: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Of the last world. */
  readonly traceHash: string;
  readonly violation?: { readonly seed: number; readonly message: string; readonly trace: readonly string[] };
}

const TOLD_STEPS = 120;

export async function runSeeds(options: RunSeedsOptions): Promise<SeedsResult> {
  const {
    from,
    to,
    maxSteps = Number.POSITIVE_INFINITY,
    maxMs = Number.POSITIVE_INFINITY,
    scale,
    nowMs,
    say,
  } = options;
  const startedMs = nowMs();
  const counts = new Map<string, number>();
  let steps = 0;
  let seeds = 0;
  let traceHash = "";
  let violation: SeedsResult["violation"];
  for (let seed = from; seed <= to && steps < maxSteps && nowMs() - startedMs < maxMs; seed++) {
    const world = new World({ seed, scale, overlaps: overlaps() });
    const { kernel } = world;
    await live(world, maxSteps - steps);
    seeds++;
    steps += kernel.steps;
    traceHash = kernel.traceHash;
    for (const [what, count] of kernel.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    if (options.hasTrace) for (const line of kernel.trace) say(line);
    if (kernel.violation !== undefined) {
      violation ??= { seed, message: kernel.violation.message, trace: kernel.trace.slice(-TOLD_STEPS) };
      if (!options.keepsGoing) break;
      say(`BROKEN in seed ${seed}: ${kernel.violation.message}`);
    }
  }
  const sorted = [...counts].sort(([one], [other]) => one.localeCompare(other));
  const elapsedMs = nowMs() - startedMs;
  const result = {
    seeds,
    steps,
    elapsedMs,
    counts: Object.fromEntries(sorted),
    traceHash,
    ...(violation && { violation }),
  };
  tell(result, options);
  return result;
}

/** A rejection that nobody handles ends a process of Node: no code of the product may leave one. */
async function live(world: World, maxSteps: number): Promise<void> {
  const onUnhandled = (reason: unknown): void => {
    const stack = reason instanceof Error ? reason.stack : String(reason);
    world.kernel.fail(`a rejection that nobody handles, in ${world.kernel.current?.name ?? "no process"}: ${stack}`);
  };
  process.on("unhandledRejection", onUnhandled);
  process.on("uncaughtException", onUnhandled);
  enter(world);
  try {
    await world.live(maxSteps);
  } finally {
    enter(undefined);
    process.off("unhandledRejection", onUnhandled);
    process.off("uncaughtException", onUnhandled);
  }
}

/** The policies that the API takes today. */
function overlaps(): readonly string[] {
  const { overlap } = operations.submitRun.input.shape;
  return OverlapPolicy.options.filter((policy) => overlap.safeParse(policy).success);
}

function tell(
  { counts, seeds, steps, elapsedMs, violation }: SeedsResult,
  { say, from, scale }: RunSeedsOptions,
): void {
  for (const [what, count] of Object.entries(counts)) say(`${String(count).padStart(10)}  ${what}`);
  const rate = Math.round(steps / (elapsedMs / 1000));
  say(`${seeds} seeds from ${from}: ${steps} steps in ${(elapsedMs / 1000).toFixed(1)} s, ${rate} a second`);
  if (violation === undefined) return;
  const isFixed = Object.keys(scale).length > 0;
  for (const line of violation.trace) say(line);
  say(`BROKEN in seed ${violation.seed}: ${violation.message}`);
  say(
    `again: npm run simulate -- --seed ${violation.seed}${isFixed ? ` --scale '${JSON.stringify(scale)}'` : ""} --trace`,
  );
}
