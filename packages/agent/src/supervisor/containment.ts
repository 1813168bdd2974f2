import { setTimeout as delay } from "node:timers/promises";
import { mayHaveOrphans } from "./leaders.ts";
import {
  findProcess,
  listPids,
  newestPid,
  readEnvironment,
  signalProcess,
  type ProcessEntry,
  type ProcessIdentity,
} from "./process-table.ts";

/** How long processes that do not die of SIGKILL are waited for: one in a dead network mount may never. */
const KILL_TIMEOUT_MS = 5_000;
const LONGEST_PAUSE_MS = 100;
/** Scans of a busy host may always meet a process that vanishes; so often is enough to believe that none was ours. */
const UNSURE_SCANS = 3;
/** No host uses up all its process numbers within this time, so until then ours are above `lowestPid`. */
const NUMBERS_RISE_MS = 2_000;

export interface ProcessTreeOptions {
  /** Undefined when nobody knows it any more: then only the marker finds the processes. */
  readonly leader: ProcessIdentity | undefined;
  /** True when the leader was started just now, or was seen alive: else its session number may be another's by now. */
  readonly knowsSession: boolean;
  /**
   * All its processes have numbers from here on, unless the kernel has begun anew with low ones since this object was
   * made. Not to be said of a leader that is older than that: it may have begun anew before.
   */
  readonly lowestPid?: number;
  /** `NAME=value` entries that all of its processes inherit in their environment. */
  readonly marker: readonly string[];
}

/**
 * All processes of an attempt: those of the leader's session, those whose environment carries the marker (also after
 * `setsid` or a double fork), and the children of either.
 *
 * What gets away: a process that left the session with an emptied environment and whose parent has ended. And at the end
 * of a leader that left no child to this process: one that left its group inside another PID namespace, and one that somebody
 * else has started for it.
 */
export class ProcessTree {
  readonly #options: ProcessTreeOptions;
  readonly #bornAtMs = performance.now();
  #killAtMs = Number.POSITIVE_INFINITY;
  #ending: Promise<readonly ProcessIdentity[]> | undefined;
  #hurry = new AbortController();
  #isLeaderGone = false;

  constructor(options: ProcessTreeOptions) {
    this.#options = options;
  }

  /**
   * Ends the whole tree: SIGTERM, the grace, SIGKILL until nothing is left. A tree that is already empty costs one
   * look. Called again, it can shorten the grace of the first call, never lengthen it.
   *
   * @returns the processes that could not be ended; empty means: proven gone
   */
  end(graceMs: number): Promise<readonly ProcessIdentity[]> {
    const killAtMs = performance.now() + graceMs;
    if (killAtMs < this.#killAtMs) {
      this.#killAtMs = killAtMs;
      this.#wake();
    }
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** The leader was reaped: an end that waits for it need not wait for its next look. */
  noteExit(): void {
    this.#isLeaderGone = true;
    this.#wake();
  }

  /** An end that pauses looks at once. */
  #wake(): void {
    if (this.#ending === undefined) return;
    this.#hurry.abort();
    this.#hurry = new AbortController();
  }

  async #end(): Promise<readonly ProcessIdentity[]> {
    let members = this.#isProvenEmpty() ? [] : this.#findMembers(this.#unproven());
    if (members.length > 0 && performance.now() < this.#killAtMs) {
      this.#signal(members, "SIGTERM");
      // A stopped process would not even notice the SIGTERM.
      this.#signal(members, "SIGCONT");
    }
    for (let pauseMs = 2; members.length > 0 && performance.now() < this.#killAtMs; pauseMs *= 2) {
      await this.#pause(Math.min(pauseMs, LONGEST_PAUSE_MS, this.#killAtMs - performance.now()));
      members = this.#findMembers(members);
    }
    const giveUpAtMs = performance.now() + KILL_TIMEOUT_MS;
    for (let pauseMs = 1; members.length > 0 && performance.now() < giveUpAtMs; pauseMs *= 2) {
      this.#signal(members, "SIGKILL");
      await this.#pause(Math.min(pauseMs, LONGEST_PAUSE_MS));
      members = this.#findMembers(members);
    }
    return members.map(({ pid, startTicks }) => ({ pid, startTicks }));
  }

  /** What nearly every script leaves is nothing: the kernel tells that in one look, without a look at every process. */
  #isProvenEmpty(): boolean {
    const { leader } = this.#options;
    try {
      return this.#isLeaderGone && leader !== undefined && !isGroup(leader.pid) && !mayHaveOrphans();
    } catch {
      return false; // no descriptor left to look with
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const { signal } = this.#hurry;
    await delay(Math.max(1, pauseMs), undefined, { signal }).catch(() => undefined);
  }

  #signal(members: readonly ProcessEntry[], signal: NodeJS.Signals): void {
    const { leader, knowsSession } = this.#options;
    // The group in one go, as a terminal would: a shell that waits for a child acts only once the child is gone, too.
    const group = knowsSession ? leader?.pid : undefined;
    if (group !== undefined && members.some(({ groupPid }) => groupPid === group)) signalGroup(group, signal);
    for (const member of members) {
      if (member.groupPid !== group) signalProcess(member, signal);
    }
  }

  /** A host with no descriptor left cannot be looked at: then what was there before still is. */
  #findMembers(before: readonly ProcessEntry[]): readonly ProcessEntry[] {
    try {
      for (let scan = 1; ; scan += 1) {
        const { members, isUnsure } = this.#scan();
        if (members.length > 0 || !isUnsure || scan === UNSURE_SCANS) return members;
      }
    } catch {
      return before;
    }
  }

  #unproven(): readonly ProcessEntry[] {
    const { leader } = this.#options;
    if (leader === undefined) return [];
    const { pid, startTicks } = leader;
    return [{ pid, startTicks, parentPid: process.pid, groupPid: pid, sessionPid: pid }];
  }

  /**
   * `isUnsure`: a process vanished during the scan and may have left a child that the scan did not list, or it was
   * just executing a program and had no environment to show.
   */
  #scan(): { readonly members: readonly ProcessEntry[]; readonly isUnsure: boolean } {
    const { leader, marker, knowsSession } = this.#options;
    const lowestPid = this.#lowestPid();
    const lowestTicks = leader?.startTicks ?? 0;
    const leaderNow = leader === undefined ? undefined : findProcess(leader.pid);
    const isLeaderNumberReused = leaderNow !== undefined && leaderNow.startTicks !== leader?.startTicks;
    const session = knowsSession && !isLeaderNumberReused ? leader?.pid : undefined;
    let isUnsure = false;
    const candidates: ProcessEntry[] = [];
    for (const pid of listPids()) {
      if (pid < lowestPid || pid === process.pid) continue;
      const entry = findProcess(pid);
      if (entry === undefined) isUnsure = true;
      else if (entry.startTicks >= lowestTicks) candidates.push(entry);
    }
    const members = new Map<number, ProcessEntry>();
    for (const entry of candidates) {
      const environment = entry.sessionPid === session ? undefined : readEnvironment(entry);
      const isMarked = environment !== undefined && marker.every((text) => environment.includes(`\0${text}\0`));
      if (entry.sessionPid === session || isMarked) members.set(entry.pid, entry);
      else if (environment === "") isUnsure = true;
    }
    for (let before = -1; before !== members.size;) {
      before = members.size;
      for (const entry of candidates) if (members.has(entry.parentPid)) members.set(entry.pid, entry);
    }
    return { members: [...members.values()], isUnsure };
  }

  /** An ordinary exit soon after the start need not look at the hundreds of processes that were there before. */
  #lowestPid(): number {
    const { lowestPid = 0 } = this.#options;
    if (performance.now() - this.#bornAtMs > NUMBERS_RISE_MS) return 0;
    return newestPid() >= lowestPid ? lowestPid : 0;
  }
}

/** True while a process of the group is there, or another group has its number: of one that went into another PID namespace nobody else tells. */
function isGroup(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Gone meanwhile, or not ours to end: then the next look still finds it.
  }
}
