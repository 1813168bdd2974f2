/** Rules of where a run goes and what it comes after: an agent that its target names, the more urgent first, dependents only after. */
import { isDeepStrictEqual } from "node:util";
import { hasEnded, isBusy, priorityOf, type Run } from "@jobs/core";
import type { Kernel } from "../kernel/kernel.ts";
import { mayGoTo } from "./agent-of.ts";

export class OrderRules {
  readonly #kernel: Kernel;
  readonly #find: (run: string) => Run | undefined;

  /** `find` gives a run that lives or has ended. */
  constructor(kernel: Kernel, find: (run: string) => Run | undefined) {
    this.#kernel = kernel;
    this.#find = find;
  }

  /** A run gets an attempt. */
  onAssigned(run: Run): void {
    const agent = run.attempts.at(-1)?.agent ?? "";
    if (!mayGoTo(run, agent)) this.#kernel.fail(`run ${run.run} goes to ${agent}, which is not its target`);
    if (run.target.kind === "any") this.#kernel.count("reached: any agent");
    this.#checkDependencies(run);
  }

  /** Which of two that wait for each other goes first; a run that replaces others was there after them, however urgent they are. */
  goesFirst(one: Run, other: Run): boolean {
    const byPriority = other.overlap === "replace" ? 0 : priorityOf(one) - priorityOf(other);
    if (byPriority !== 0) this.#kernel.count("reached: overtaken by priority");
    return byPriority > 0 || (byPriority === 0 && cameBefore(one, other));
  }

  #checkDependencies(run: Run): void {
    if (run.after === undefined || run.attempts.length > 1) return;
    this.#kernel.count("reached: dependent started");
    for (const { run: id } of run.after.runs) {
      const one = this.#find(id);
      if (one === undefined || !hasEnded(one))
        this.#kernel.fail(`run ${run.run} gets an attempt before ${id}, which it depends on, has ended`);
      else if (run.after.otherwise === "skip" && run.after.on !== "ended") {
        const isMet = (one.state === "completed") === (run.after.on === "completed");
        if (!isMet)
          this.#kernel.fail(`run ${run.run} gets an attempt, and ${id}, which it depends on, is ${one.state}`);
      }
    }
  }
}

/** True while it may keep another run of its job from starting. */
export function isInLine(run: Run): boolean {
  return isBusy(run) && run.hold === undefined && run.waitingFor !== "dependency";
}

/** The order in which runs of one priority came. */
export function cameBefore(one: Run, other: Run): boolean {
  const [a, b] = [since(one), since(other)];
  if (a !== b) return a < b;
  const byTime = one.times.submittedAt.localeCompare(other.times.submittedAt);
  const byCount = (one.nth ?? 0) - (other.nth ?? 0);
  return byTime < 0 || (byTime === 0 && (byCount < 0 || (byCount === 0 && one.run < other.run)));
}

/** True for two that wait for one host alike. */
export function isOfOneLine(one: Run, other: Run): boolean {
  return priorityOf(one) === priorityOf(other) && isDeepStrictEqual(one.target, other.target);
}

/** Since when it counts in its host's line. */
export function inLineSince(run: Run): string {
  return run.times.inLineSince ?? since(run);
}

/** A run that was to start later is in line since then. */
function since({ times: { submittedAt, dueAt } }: Run): string {
  return dueAt !== undefined && dueAt > submittedAt ? dueAt : submittedAt;
}
