import { EventEmitter } from "node:events";
/**
 * The jobs and their live runs in memory, filled by watching the bucket `jobs`; never the truth. Of each job it keeps
 * the guard: the last sequence that was read of it, which the next write must name.
 */
import { hasEnded, isAhead, isWaiting, type JobDefinition, type Run, type Settings } from "@jobs/core";
import { byLine } from "@jobs/core/decide";
import {
  entryOf,
  MARKER_TTL_SECONDS,
  subjectOfRun,
  type JobEntry,
  type JobRecord,
  type JobSnapshot,
} from "@jobs/core/jetstream";
import { Announced } from "./announced.ts";
import { viewOf, type Entry, type GuardedView } from "./guarded-view.ts";
import { Markers } from "./markers.ts";
import { Occupancy } from "./occupancy.ts";
import { RunsToCome } from "./runs-to-come.ts";
import { isComputable } from "./uncomputable.ts";
import { WaitingLines } from "./waiting-lines.ts";

const NOTHING: ReadonlyMap<string, Entry> = new Map();
/** How often jobs of which nothing is left are looked for, milliseconds: all are gone through. */
const SWEEP_MS = 60_000;
const NO_SETTINGS = { settings: { v: 1 }, sequence: 0 } as const;

interface JobState {
  readonly entries: Map<string, Entry>;
  /** Deliveries up to here were overtaken by a read of the job. */
  floor: number;
  /** Made when it is asked for, until something of the job changes. */
  view: GuardedView | undefined;
}

export interface FoundRun {
  readonly run: Run;
  /** Sequence of the record. */
  readonly sequence: number;
}

export interface LiveRun extends FoundRun {
  readonly submittedAtMs: number;
}

interface Events {
  run: [Run];
  removed: [Run];
  /** The definition of this job has changed, or is gone. */
  defined: [string];
  /** What holds for all jobs has changed. */
  settings: [];
  /** All of it was forgotten. */
  reset: [];
}

export class JobsProjection extends EventEmitter<Events> {
  readonly #monotonicMs: () => number;
  readonly #jobs = new Map<string, JobState>();
  readonly #runs = new Map<string, LiveRun>();
  readonly #handed = new Map<string, LiveRun>();
  /** Attempts that agents have. */
  readonly occupancy: Occupancy;
  readonly #waiting = new WaitingLines();
  readonly toCome = new RunsToCome();
  readonly #places: readonly (Occupancy | WaitingLines | RunsToCome)[];
  /** Whose turn it is to be looked at. */
  #turn = this.#jobs.keys();
  #settings: { readonly settings: Settings; readonly sequence: number } = NO_SETTINGS;
  readonly #announced = new Announced();
  readonly #markers = new Markers<JobState>();
  #generation = 0;
  #sweptAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: { monotonicMs: () => number }) {
    super();
    this.setMaxListeners(0);
    this.#monotonicMs = options.monotonicMs;
    this.occupancy = new Occupancy(options.monotonicMs);
    this.#places = [this.occupancy, this.#waiting, this.toCome];
  }

  /**
   * Takes over what follows on a view with nothing of the job between: what this server's own acknowledged write made of
   * it, what was read after it. Once everything was forgotten it stands on nothing: it would raise the guard above what has
   * not been read again yet.
   */
  applyOnTop(entry: JobEntry, view: Pick<GuardedView, "generation">): void {
    if (view.generation === this.#generation) this.apply(entry);
  }

  /**
   * Another server has stored this: it can be found from now on. It is in no view before the watch delivers it: what was
   * stored before it may be missing here, and its sequence as a guard would hide that.
   */
  announce(record: JobRecord, sequence: number): void {
    const entry = entryOf(record, sequence);
    const known = this.#jobs.get(entry.job)?.entries.get(entry.subject);
    if ((known?.sequence ?? 0) < sequence) this.#announced.set(entry.subject, entry);
  }

  /** Takes over what the watch delivered. Older than what is known: ignored. */
  apply(entry: JobEntry): void {
    if (this.isKnown(entry.job, entry.subject, entry.sequence)) return;
    this.#set(this.#stateOf(entry.job), entry);
    // Here, since this is what makes it grow, on a server that decides and on any other.
    if (this.#monotonicMs() - this.#sweptAtMs >= SWEEP_MS) this.#sweep();
  }

  /** True of what is not newer than what is known: chiefly this server's own writes, once they are delivered. */
  isKnown(job: string, subject: string, sequence: number): boolean {
    const state = this.#jobs.get(job);
    return state !== undefined && sequence <= Math.max(state.floor, state.entries.get(subject)?.sequence ?? 0);
  }

  /** Takes over a read of the whole job: what it does not have is gone. */
  applySnapshot(job: string, snapshot: JobSnapshot): void {
    const state = this.#stateOf(job);
    const read = new Map(snapshot.entries.map((entry) => [entry.subject, entry]));
    for (const [subject, entry] of state.entries) {
      if (entry.sequence <= snapshot.asOf && !read.has(subject)) this.#drop(state, subject);
    }
    for (const entry of snapshot.entries) {
      if (entry.sequence > (state.entries.get(entry.subject)?.sequence ?? 0)) this.#set(state, entry);
    }
    state.floor = Math.max(state.floor, snapshot.asOf);
  }

  /** What holds for all jobs, and the sequence of its record; 0 when there is none. */
  get settings(): { readonly settings: Settings; readonly sequence: number } {
    return this.#settings;
  }

  applySettings(settings: Settings, sequence: number): void {
    if (sequence <= this.#settings.sequence) return;
    this.#settings = { settings, sequence };
    this.emit("settings");
  }

  /** How many jobs are paused, each by itself. */
  pausedJobs(): number {
    let count = 0;
    for (const { entries } of this.#jobs.values())
      for (const { definition } of entries.values()) if (definition?.paused !== undefined) count++;
    return count;
  }

  /** Every job that something is known of. */
  names(): Iterable<string> {
    return new Set([...this.#jobs.keys(), ...this.#announced.jobs()]);
  }

  /** Jobs with a run that is due and has not ended, the one whose run is first in line first: so is a free slot given to who came first. */
  liveJobs(): Iterable<string> {
    const runs = [...this.#runs.values()].map(({ run }) => run).filter((run) => !hasEnded(run) && !isAhead(run));
    return new Set(runs.sort(byLine).map(({ job }) => job));
  }

  /** Forgets everything: the store is another one. */
  reset(): void {
    this.#settings = NO_SETTINGS;
    this.#jobs.clear();
    this.#runs.clear();
    this.#handed.clear();
    for (const place of this.#places) place.clear();
    this.#announced.clear();
    this.#markers.clear();
    this.#generation++;
    this.emit("reset");
  }

  view(job: string): GuardedView {
    const state = this.#jobs.get(job);
    const generation = this.#generation;
    if (state === undefined) return viewOf(job, NOTHING, generation);
    this.#forgetExpiredMarkers();
    return (state.view ??= viewOf(job, state.entries, generation));
  }

  /** True while a marker stands in the place of this run's record: it has ended and is in HISTORY. */
  isRemoved(run: Pick<Run, "job" | "run">): boolean {
    return this.#jobs.get(run.job)?.entries.get(subjectOfRun(run))?.kind === "marker";
  }

  find(run: string): FoundRun | undefined {
    const known = this.#runs.get(run);
    const announced = this.#announced.findRun(run);
    return announced !== undefined && announced.sequence > (known?.sequence ?? 0) ? announced : known;
  }

  /** What is said of a job as a whole, as far as this server knows; it may be one that it cannot compute. */
  findDefinition(job: string): JobDefinition | undefined {
    const { definition, uncomputable } = this.view(job);
    const announced = this.#announced.findDefinition(job) ?? definition ?? uncomputable;
    return announced === "deleted" ? undefined : announced;
  }

  /** Runs for which something is to be told to a host, or to be done: those that hosts have, or had. */
  handed(): Iterable<LiveRun> {
    return this.#handed.values();
  }

  /** Of all jobs with a run that is due and has not ended, the next so many; each comes again and again. */
  nextLiveJobs(limit: number): readonly string[] {
    const next: string[] = [];
    for (let left = this.#jobs.size; left > 0 && next.length < limit; left--) {
      const { value: job, done } = this.#turn.next();
      if (done === true) this.#turn = this.#jobs.keys();
      else if (this.#hasDueRun(job)) next.push(job);
    }
    return next;
  }

  #hasDueRun(job: string): boolean {
    for (const { run } of this.#jobs.get(job)?.entries.values() ?? [])
      if (run !== undefined && !hasEnded(run) && !isAhead(run)) return true;
    return false;
  }

  runs(): Iterable<LiveRun> {
    return this.#runs.values();
  }

  /** The runs that this agent could help, in line, with all that wait of the jobs `behind`; nothing may change while they are gone through. */
  waitingFor(agent: Parameters<WaitingLines["of"]>[0], behind: Iterable<string> = []): Iterable<Run> {
    const others = [...new Set(behind)].flatMap((job) => this.view(job).runs.filter(isWaiting));
    return this.#waiting.of(agent, others);
  }

  #stateOf(job: string): JobState {
    const known = this.#jobs.get(job);
    if (known !== undefined) return known;
    const made: JobState = { entries: new Map(), floor: 0, view: undefined };
    this.#jobs.set(job, made);
    return made;
  }

  #set(state: JobState, entry: JobEntry): void {
    const { run: before, definition } = state.entries.get(entry.subject) ?? {};
    if (before !== undefined) this.#unindex(before);
    this.#announced.delivered(entry);
    const seen: Entry = {
      kind: isComputable(entry.definition) ? entry.kind : "unreadable",
      sequence: entry.sequence,
      seenAtMs: this.#monotonicMs(),
      run: entry.run,
      definition: entry.definition,
    };
    state.entries.set(entry.subject, seen);
    if (seen.kind === "marker") this.#markers.add({ state, subject: entry.subject, entry: seen });
    state.view = undefined;
    if (entry.kind === "definition" || definition !== undefined) this.emit("defined", entry.job);
    if (entry.run !== undefined) {
      this.#index(entry.run, entry.sequence);
      this.emit("run", entry.run);
    } else if (before !== undefined) this.emit("removed", before);
  }

  #drop(state: JobState, subject: string): void {
    const { run: before, definition } = state.entries.get(subject) ?? {};
    state.entries.delete(subject);
    state.view = undefined;
    if (definition !== undefined) this.emit("defined", definition.job);
    if (before === undefined) return;
    this.#unindex(before);
    this.emit("removed", before);
  }

  #index(run: Run, sequence: number): void {
    const live = { run, sequence, submittedAtMs: Date.parse(run.times.submittedAt) };
    this.#runs.set(run.run, live);
    if (hasEnded(run) || run.attempts.length > 0) this.#handed.set(run.run, live);
    for (const place of this.#places) place.add(run);
  }

  #unindex(run: Run): void {
    for (const runs of [this.#runs, this.#handed]) runs.delete(run.run);
    for (const place of this.#places) place.remove(run);
  }

  /** Forgets the jobs of which nothing is left but markers that have gone by themselves. */
  #sweep(): void {
    this.#sweptAtMs = this.#monotonicMs();
    this.#forgetExpiredMarkers();
    for (const [job, state] of this.#jobs) if (state.entries.size === 0) this.#jobs.delete(job);
  }

  #forgetExpiredMarkers(): void {
    const beforeMs = this.#monotonicMs() - MARKER_TTL_SECONDS * 1000;
    for (let one = this.#markers.takeOlderThan(beforeMs); one; one = this.#markers.takeOlderThan(beforeMs)) {
      const { state, subject, entry } = one;
      if (state.entries.get(subject) !== entry) continue; // something else has taken its place
      state.view = undefined;
      state.entries.delete(subject);
    }
  }
}
