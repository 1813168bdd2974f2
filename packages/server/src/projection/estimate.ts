/**
 * When runs that wait are likely to start. What will happen is played through, if every run takes as long as those of its
 * job did: whenever a slot comes free, the first in line that may start takes it.
 *
 *   behind others of its job ──they have ended──► ready ──a slot of its agents is free──► started ──► ended: slot and job are free
 *
 * A run of which nobody can tell has no estimate, and neither has one that waits for it.
 */
import { mayOverlap, type Run } from "@jobs/core";
import { isPassed } from "@jobs/core/decide";
import TinyQueue from "tinyqueue";

export interface EstimateInput {
  readonly nowMs: number;
  /** Agents that take on runs, with their slots. */
  readonly agents: readonly { readonly id: string; readonly slots: number }[];
  /** Runs that last for nobody knows how long. */
  readonly endless: readonly Run[];
  /** Runs that hosts have: where, and since when. */
  readonly running: readonly { readonly run: Run; readonly agent: string; readonly sinceMs: number }[];
  /** Runs that wait for agents or for each other, in line; those that may go to the same agents have the same array of them. */
  readonly waiting: readonly Waiting[];
  /** Of these runs the starts are asked for. */
  readonly wanted: ReadonlySet<string>;
  /** How long a run of the job takes, milliseconds; undefined when none has ended. */
  readonly durationMs: (job: string) => number | undefined;
}

interface Waiting {
  readonly run: Run;
  readonly agents: readonly string[];
  readonly notBeforeMs?: number;
}

/** By the run: ms since 1970. */
export function estimateStarts(input: EstimateInput): ReadonlyMap<string, number> {
  const play = new Play(input);
  play.toTheEnd();
  return play.starts;
}

interface InLine extends Required<Waiting> {
  readonly place: number;
}

/** Those that may go to the same agents. */
interface Group {
  readonly agents: readonly string[];
  /** The first in line first. */
  readonly ready: TinyQueue<InLine>;
  /** How many of its agents have a free slot. */
  free: number;
}

/** A job's runs, in line: as soon as one has to wait for others, all behind it have to. */
interface Chain {
  readonly line: InLine[];
  /** How many of them are ready, or further. */
  reached: number;
  /** How many are ready or run: of those that may overlap others, and of those that may not. */
  sharing: number;
  alone: number;
}

class Play {
  readonly starts = new Map<string, number>();
  readonly #input: EstimateInput;
  #nowMs: number;
  readonly #later = new TinyQueue<{ readonly atMs: number; readonly act: () => void }>(
    [],
    (one, other) => one.atMs - other.atMs,
  );
  /** How many of the wanted starts are known. */
  #isKnown = 0;
  readonly #free = new Map<string, number>();
  readonly #groups = new Map<readonly string[], Group>();
  readonly #groupsOf = new Map<string, Group[]>();
  /** Those of which one is ready and may start. */
  readonly #startable = new Set<Group>();
  readonly #chains = new Map<string, Chain>();

  constructor(input: EstimateInput) {
    this.#input = input;
    this.#nowMs = input.nowMs;
    for (const { id, slots } of input.agents) this.#free.set(id, slots);
    for (const run of input.endless) count(this.#chain(run), run, 1);
    for (const { run, agent, sinceMs } of input.running) {
      count(this.#chain(run), run, 1);
      this.#occupy(agent);
      this.#endsAt(run, agent, Math.max(input.nowMs, sinceMs + this.#durationMs(run)));
    }
    for (const [place, { run, agents, notBeforeMs = 0 }] of input.waiting.entries())
      if (!isPassed(run)) this.#add({ run, agents, notBeforeMs, place });
  }

  toTheEnd(): void {
    for (const chain of this.#chains.values()) this.#advance(chain);
    for (;;) {
      this.#handOut();
      if (this.#isKnown === this.#input.wanted.size) return;
      const next = this.#later.pop();
      if (next === undefined) return;
      this.#nowMs = next.atMs;
      next.act();
      while (this.#later.peek()?.atMs === this.#nowMs) this.#later.pop()?.act();
    }
  }

  /** A part of a run for several waits for its host alone: the whole has its turn. */
  #add(waiting: InLine): void {
    const chain = this.#chain(waiting.run);
    if (waiting.run.partOf === undefined) return void chain.line.push(waiting);
    count(chain, waiting.run, 1);
    this.#becomeReady(waiting);
  }

  #chain({ job }: Run): Chain {
    const known = this.#chains.get(job) ?? { line: [], reached: 0, sharing: 0, alone: 0 };
    this.#chains.set(job, known);
    return known;
  }

  /** Those that wait for nobody of their job any more are ready. */
  #advance(chain: Chain): void {
    for (;;) {
      const next = chain.line[chain.reached];
      if (next === undefined || isBlocked(next.run, chain)) return;
      chain.reached++;
      count(chain, next.run, 1);
      this.#becomeReady(next);
    }
  }

  #becomeReady(waiting: InLine): void {
    const { run, agents } = waiting;
    // It begins as soon as it may: its parts wait for their hosts.
    const needsSlot = run.target.kind !== "all" || agents.length === 0;
    const group = this.#group(agents);
    const act = (): void => {
      if (!needsSlot) return this.#start(run, undefined);
      group.ready.push(waiting);
      this.#look(group);
    };
    if (waiting.notBeforeMs <= this.#nowMs) act();
    else this.#later.push({ atMs: waiting.notBeforeMs, act });
  }

  #look(group: Group): void {
    if (group.free > 0 && group.ready.length > 0) this.#startable.add(group);
    else this.#startable.delete(group);
  }

  #group(agents: readonly string[]): Group {
    const known = this.#groups.get(agents);
    if (known !== undefined) return known;
    const ready = new TinyQueue<InLine>([], (one, other) => one.place - other.place);
    const group = { agents, ready, free: agents.filter((agent) => this.#freeOf(agent) > 0).length };
    this.#groups.set(agents, group);
    for (const agent of agents) {
      const others = this.#groupsOf.get(agent);
      if (others === undefined) this.#groupsOf.set(agent, [group]);
      else others.push(group);
    }
    return group;
  }

  /** Starts all that may start now, the first in line first. */
  #handOut(): void {
    for (;;) {
      let first: Group | undefined;
      for (const group of this.#startable) if (first === undefined || placeOf(group) < placeOf(first)) first = group;
      const next = first?.ready.pop();
      const agent = first?.agents.find((one) => this.#freeOf(one) > 0);
      if (first === undefined || next === undefined || agent === undefined) return;
      this.#look(first);
      this.#occupy(agent);
      this.#start(next.run, agent);
    }
  }

  #start(run: Run, agent: string | undefined): void {
    this.starts.set(run.run, this.#nowMs);
    if (this.#input.wanted.has(run.run)) this.#isKnown++;
    this.#endsAt(run, agent, this.#nowMs + this.#durationMs(run));
  }

  #endsAt(run: Run, agent: string | undefined, atMs: number): void {
    if (!Number.isFinite(atMs)) return; // whoever waits for its end waits for nobody knows how long
    const act = (): void => {
      if (agent !== undefined) this.#setFree(agent, this.#freeOf(agent) + 1);
      const chain = this.#chain(run);
      count(chain, run, -1);
      this.#advance(chain);
    };
    this.#later.push({ atMs, act });
  }

  #durationMs({ job }: Run): number {
    return this.#input.durationMs(job) ?? Number.POSITIVE_INFINITY;
  }

  #freeOf(agent: string): number {
    return this.#free.get(agent) ?? 0;
  }

  #occupy(agent: string): void {
    this.#setFree(agent, this.#freeOf(agent) - 1);
  }

  #setFree(agent: string, slots: number): void {
    const change = Number(slots > 0) - Number(this.#freeOf(agent) > 0);
    this.#free.set(agent, slots);
    if (change === 0) return;
    for (const group of this.#groupsOf.get(agent) ?? []) {
      group.free += change;
      this.#look(group);
    }
  }
}

function placeOf({ ready }: Group): number {
  return ready.peek()?.place ?? Number.POSITIVE_INFINITY;
}

function isBlocked(run: Run, { sharing, alone }: Chain): boolean {
  return alone > 0 || (sharing > 0 && !shares(run));
}

function count(chain: Chain, run: Run, change: 1 | -1): void {
  if (shares(run)) chain.sharing += change;
  else chain.alone += change;
}

function shares({ overlap }: Run): boolean {
  return mayOverlap(overlap, "allow");
}
