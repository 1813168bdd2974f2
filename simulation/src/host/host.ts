/** A machine: its clocks, its disk, the programs of the product on it and the processes of scripts. */
import type { Kernel } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import { HostClock } from "./clock.ts";
import { Disk } from "./disk.ts";
import { ProcessTable, type AttemptMark, type ScriptProcess } from "./process-table.ts";
import { planOf } from "./script-plan.ts";

/** A program of the product that runs on the host. */
interface Program {
  catchUp(): void;
  kill(): void;
}

/** What ends scripts that have no contact: the supervisor. */
interface Guard {
  readonly isAlive: boolean;
  readonly isStopped: boolean;
  readonly wentOnAtMs: number;
}

/** What is told of the scripts on a host. */
export interface HostObserver {
  onSpawn(mark: AttemptMark, host: SimulatedHost): void;
  onEnd(mark: AttemptMark, host: SimulatedHost): void;
}

interface HostOptions {
  readonly name: string;
  readonly drift: number;
  readonly wallOffsetMs: number;
  readonly observer: HostObserver;
  readonly disk?: Disk;
}

export class SimulatedHost {
  readonly name: string;
  readonly clock: HostClock;
  readonly processes = new ProcessTable();
  readonly programs = new Set<Program>();
  /** What listens on unix sockets, by path. */
  readonly sockets = new Map<string, unknown>();
  disk: Disk;
  bootId: string;
  isSuspended = false;
  readonly #kernel: Kernel;
  readonly #observer: HostObserver;
  #guard: Guard | undefined;
  /** When the guard was there again, or the host itself, true milliseconds. */
  #guardedSinceMs = Number.NEGATIVE_INFINITY;
  #lastPid = 1_000;

  constructor(kernel: Kernel, { name, drift, wallOffsetMs, observer, disk = new Disk() }: HostOptions) {
    this.#kernel = kernel;
    this.#observer = observer;
    this.name = name;
    this.disk = disk;
    this.bootId = `boot-${kernel.random.hex(8)}`;
    this.clock = new HostClock(() => kernel.nowMs, { drift, wallOffsetMs });
  }

  get #random(): Random {
    return this.#kernel.random;
  }

  nextPid(): number {
    return ++this.#lastPid;
  }

  /** Number that was given out last. */
  get lastPid(): number {
    return this.#lastPid;
  }

  wallMs(): number {
    return this.clock.wallMs();
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  trueMs(ms: number): number {
    return this.clock.trueMs(ms);
  }

  /** Starts a script; its leader's exit is told to `onExit`, in no process. */
  spawn(
    script: string,
    environment: Readonly<Record<string, string>>,
    onExit: (exit: { exitCode?: number; signal?: string }) => void,
  ): ScriptProcess {
    const plan = planOf(script);
    const { JOBS_JOB: job = "", JOBS_RUN: run = "", JOBS_ATTEMPT_NUMBER: attempt = "0" } = environment;
    const mark = { job, run, attempt: Number(attempt), overlap: plan.overlap };
    const entries = Object.entries(environment).map(([key, value]) => `${key}=${value}\0`);
    const leader = this.#add(1, { mark, plan, environment: `\0${entries.join("")}`, onExit });
    this.#observer.onSpawn(mark, this);
    this.#plan(plan.runMs, "script ends", () => this.#exit(leader));
    return leader;
  }

  /** `kill(2)`: a negative number is a group. */
  signal(pid: number, signal: string): void {
    for (const entry of this.meant(pid)) this.#deliver(entry, signal);
  }

  /** The processes of this number; of the group, when it is negative. */
  meant(pid: number): readonly ScriptProcess[] {
    return [...this.processes.all()].filter((entry) => (pid < 0 ? entry.sessionPid === -pid : entry.pid === pid));
  }

  /** The terminal of a script is gone with its supervisor. */
  hangUp(pid: number): void {
    const entry = this.processes.find(pid);
    if (entry !== undefined && entry.plan.ignoresHangUp !== true) this.#endSoon(entry, "SIGHUP");
  }

  /** Processes that nothing could end are gone now. */
  freeStuck(): void {
    for (const entry of this.processes.all()) {
      if (!entry.isStuck) continue;
      entry.isStuck = false;
      this.#endSoon(entry, "SIGKILL");
    }
  }

  suspend(): void {
    this.isSuspended = true;
    this.clock.suspend();
  }

  guardWith(guard: Guard): void {
    this.#guard = guard;
    this.#guardedSinceMs = this.#kernel.nowMs;
  }

  /** True if nobody could end scripts here at some instant of the last so many milliseconds. */
  wasUnguarded(withinMs: number): boolean {
    const guard = this.#guard;
    if (guard === undefined || !guard.isAlive || guard.isStopped) return true;
    return this.#kernel.nowMs - Math.max(this.#guardedSinceMs, guard.wentOnAtMs) < withinMs;
  }

  resume(): void {
    if (this.isSuspended) this.#guardedSinceMs = this.#kernel.nowMs;
    this.isSuspended = false;
    this.clock.resume();
    for (const program of this.programs) program.catchUp();
  }

  /** Power is cut: every process is gone at once, and what was not synced may be. */
  crash(): void {
    const marks = [...this.processes.all()].map(({ mark }) => mark);
    this.processes.clear();
    for (const program of this.programs) program.kill();
    this.sockets.clear();
    this.disk.crash(this.#random);
    this.resume();
    for (const mark of marks) this.#observer.onEnd(mark, this);
    this.clock.boot();
    this.bootId = `boot-${this.#random.hex(8)}`;
  }

  /** What runs here, each attempt once. */
  *running(): Iterable<AttemptMark> {
    const seen = new Set<string>();
    for (const { mark } of this.processes.all()) {
      const name = `${mark.run}.${mark.attempt}`;
      if (!seen.has(name)) yield mark;
      seen.add(name);
    }
  }

  /** True while a process of the attempt is there that can be ended. */
  runs({ run, attempt }: Pick<AttemptMark, "run" | "attempt">): boolean {
    for (const { mark, isStuck } of this.processes.all())
      if (!isStuck && mark.run === run && mark.attempt === attempt) return true;
    return false;
  }

  #add(
    parentPid: number,
    { mark, plan, environment, onExit }: Pick<ScriptProcess, "mark" | "plan" | "environment" | "onExit">,
    sessionPid?: number,
  ): ScriptProcess {
    const pid = this.nextPid();
    const startTicks = Math.floor(this.clock.bootMs() / 10);
    const entry = {
      pid,
      startTicks,
      parentPid,
      sessionPid: sessionPid ?? pid,
      environment,
      mark,
      plan,
      isStuck: false,
      onExit,
    };
    this.processes.add(entry);
    return entry;
  }

  #exit(leader: ScriptProcess): void {
    const { plan, mark, environment } = leader;
    if (this.processes.find(leader.pid) !== leader) return;
    if (this.isSuspended) return this.#plan(100, "script ends", () => this.#exit(leader));
    if (plan.leavesForMs !== undefined) {
      const child = this.#add(1, { mark, plan, environment, onExit: () => undefined }, leader.pid);
      child.isStuck = plan.leavesStuck === true;
      this.#plan(plan.leavesForMs, "left-over ends", () => this.#end(child, { exitCode: 0 }));
    }
    this.#end(leader, plan.signal === undefined ? { exitCode: plan.exitCode } : { signal: plan.signal });
  }

  #deliver(entry: ScriptProcess, signal: string): void {
    const isIgnored = signal === "SIGCONT" || (signal === "SIGTERM" && entry.plan.ignoresTerm === true);
    if (!isIgnored && !entry.isStuck) this.#endSoon(entry, signal);
  }

  #endSoon(entry: ScriptProcess, signal: string): void {
    this.#plan(this.#random.between(0.1, signal === "SIGKILL" ? 3 : 40), "script dies", () => {
      if (!entry.isStuck) this.#end(entry, { signal });
    });
  }

  #end(entry: ScriptProcess, exit: { exitCode?: number; signal?: string }): void {
    if (this.processes.find(entry.pid) !== entry) return;
    this.processes.end(entry, exit);
    this.#observer.onEnd(entry.mark, this);
  }

  #plan(delayMs: number, label: string, run: () => void): void {
    const { bootId } = this;
    this.#kernel.plan({ delayMs, label, owner: undefined }, () => {
      if (this.bootId === bootId) run();
    });
  }
}
