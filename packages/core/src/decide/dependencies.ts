import type { DependsOn } from "../domain/dependencies.ts";
import { awaitsOthers, hasEnded, isWaiting, type Run, type RunState } from "../domain/run.ts";
import { CLOCKS_DIFFER_MS } from "./clocks.ts";
import { skipped } from "./skipped.ts";
import type { DecisionContext } from "./view.ts";

/** Where the runs stand that a run depends on, taken together. */
type DependencyState = "none" | "open" | "met" | { readonly unmet: NonNullable<Run["unmet"]> };

/** A run that was written before this one may not be in the view yet for so long, whichever server's clock took down when that was. */
const UNSEEN_MS = 30_000 + CLOCKS_DIFFER_MS;

function dependencyState(run: Run, context: Pick<DecisionContext, "stateOf" | "now">): DependencyState {
  if (run.after === undefined || !awaitsOthers(run)) return "none";
  const { runs, on, otherwise } = run.after;
  const states = runs.map((one) => one.state ?? context.stateOf(one));
  const ends = states.map((state) => endOf(state, run, context.now));
  // One that cannot be met any more decides it, whatever the others do.
  const at = otherwise === "skip" ? ends.findIndex((end) => end !== "open" && !isMet(on, end)) : -1;
  const one = runs[at];
  const state = states[at];
  if (one !== undefined) return { unmet: { job: one.job, run: one.run, ...(state === undefined ? {} : { state }) } };
  return ends.includes("open") ? "open" : "met";
}

/** True while it may not start for what it depends on, or never may. */
export function dependsStill(run: Run, context: Pick<DecisionContext, "stateOf" | "now">): boolean {
  const state = dependencyState(run, context);
  return state !== "none" && state !== "met";
}

/** Skipped, since what it depends on has ended otherwise than it had to. */
export function unmet(run: Run, context: DecisionContext): Run | undefined {
  if (hasEnded(run) || !isWaiting(run)) return undefined;
  const state = dependencyState(run, context);
  return typeof state === "string" ? undefined : skipped({ ...run, ...state }, "dependency-failed", context.now);
}

type End = "open" | "completed" | "failed" | "forgotten";

function endOf(state: RunState | undefined, { times }: Run, now: string): End {
  switch (state) {
    case "submitted":
    case "pending":
    case "running":
      return "open";
    case "completed":
      return "completed";
    case "failed":
    case "cancelled":
    case "skipped":
      return "failed";
    case undefined:
      return Math.abs(Date.parse(now) - Date.parse(times.submittedAt)) < UNSEEN_MS ? "open" : "forgotten"; // clocks are set back
  }
}

function isMet(on: DependsOn, end: End): boolean {
  return on === "ended" || on === end;
}
