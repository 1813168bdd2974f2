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

/** Runs, sorted. */
type Line = Run[];

interface Agent {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export class WaitingLines {
  /** Of runs for one agent, by its id. */
  readonly #ofAgents = new Map<string, Line>();
  /** Of runs for any host with these labels. */
  readonly #ofLabels = new Map<string, Line>();

  add(run: Run): void {
    if (!isHere(run)) return;
    const { lines, key } = this.#where(run);
    const line = lines.get(key) ?? [];
    lines.set(key, line);
    line.splice(placeOf(line, run), 0, run);
  }

  remove(run: Run): void {
    if (!isHere(run)) return;
    const { lines, key } = this.#where(run);
    const line = lines.get(key) ?? [];
    const place = placeOf(line, run);
    if (line[place]?.run !== run.run) return;
    line.splice(place, 1);
    if (line.length === 0) lines.delete(key);
  }

  clear(): void {
    this.#ofAgents.clear();
    this.#ofLabels.clear();
  }

  /** Of all lines whose target the agent is, and of these others, the runs in order; without a copy, so nothing may change meanwhile. */
  *of(agent: Agent, others: readonly Run[] = []): Iterable<Run> {
    const lines = [others.filter((run) => !isHere(run)).sort(byLine), this.#ofAgents.get(agent.id) ?? []];
    for (const [labels, line] of this.#ofLabels) if (matches(labels, agent)) lines.push(line);
    const at = lines.map(() => 0);
    for (;;) {
      let first: number | undefined;
      let run: Run | undefined;
      for (const [index, line] of lines.entries()) {
        const next = line[at[index] ?? 0];
        if (next !== undefined && (run === undefined || byLine(next, run) < 0)) [first, run] = [index, next];
      }
      if (first === undefined || run === undefined) return;
      at[first] = (at[first] ?? 0) + 1;
      yield run;
    }
  }

  #where({ target }: Run): { readonly lines: Map<string, Line>; readonly key: string } {
    return target.kind === "agent"
      ? { lines: this.#ofAgents, key: target.agent }
      : { lines: this.#ofLabels, key: target.labels };
  }
}

function isHere(run: Run): boolean {
  return isWaiting(run) && !ELSEWHERE.has(run.waitingFor);
}

/** Where it is, or would be put. */
function placeOf(line: Line, run: Run): number {
  return countWhile(line, (other) => byLine(other, run) < 0);
}
