/** The runs that an agent could help, in the order in which it is to take them. */
import { isWaiting, matches, type Run } from "@jobs/core";
import { byLine } from "@jobs/core/decide";
import { countWhile } from "./count-while.ts";

/** What an agent has nothing to do with: the run goes on by what happens to its job, to other runs or by an operator. */
const ELSEWHERE: ReadonlySet<Run["waitingFor"]> = new Set([
  "previous-run",
  "dependency",
  "retry",
  "held",
  "job-paused",
  "all-paused",
]);

interface Line {
  readonly target: Run["target"];
  /** Sorted. */
  readonly runs: Run[];
}

interface Agent {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export class WaitingLines {
  readonly #lines = new Map<string, Line>();

  add(run: Run): void {
    if (!isHere(run)) return;
    const key = keyOf(run);
    const line = this.#lines.get(key) ?? { target: run.target, runs: [] };
    this.#lines.set(key, line);
    line.runs.splice(placeOf(line.runs, run), 0, run);
  }

  remove(run: Run): void {
    if (!isHere(run)) return;
    const key = keyOf(run);
    const line = this.#lines.get(key);
    const place = line === undefined ? -1 : placeOf(line.runs, run);
    if (line?.runs[place]?.run !== run.run) return;
    line.runs.splice(place, 1);
    if (line.runs.length === 0) this.#lines.delete(key);
  }

  clear(): void {
    this.#lines.clear();
  }

  /** Of all lines whose target the agent is, and of these others, the runs in order; without a copy, so nothing may change meanwhile. */
  *of(agent: Agent, others: readonly Run[] = []): Iterable<Run> {
    const own = [...this.#lines.values()].filter(({ target }) => isTarget(target, agent));
    const lines = [{ runs: others.toSorted(byLine) }, ...own];
    const at = lines.map(() => 0);
    for (;;) {
      let first: number | undefined;
      let run: Run | undefined;
      for (const [index, line] of lines.entries()) {
        const next = line.runs[at[index] ?? 0];
        if (next !== undefined && (run === undefined || byLine(next, run) < 0)) [first, run] = [index, next];
      }
      if (first === undefined || run === undefined) return;
      at[first] = (at[first] ?? 0) + 1;
      yield run;
    }
  }
}

function isHere(run: Run): boolean {
  return isWaiting(run) && !ELSEWHERE.has(run.waitingFor);
}

function isTarget(target: Run["target"], agent: Agent): boolean {
  return target.kind === "agent" ? target.agent === agent.id : matches(target.labels, agent);
}

function keyOf({ target }: Run): string {
  return target.kind === "agent" ? `agent ${target.agent}` : `any ${target.labels}`;
}

/** Where it is, or would be put. */
function placeOf(runs: readonly Run[], run: Run): number {
  return countWhile(runs, (other) => byLine(other, run) < 0);
}
