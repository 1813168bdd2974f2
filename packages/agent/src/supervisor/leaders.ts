/** The programs that this process started, until each was reaped; and whatever they leave behind. */
import { constants as osConstants } from "node:os";
import { adoptOrphansOfAll, reap, reapAny, spawnOnTerminal, type Program } from "./libc.ts";
import { listChildren } from "./process-table.ts";

/** Some numbers have a second name, later in the list: SIGIOT is SIGABRT. */
const SIGNAL_NAMES = new Map(
  Object.entries(osConstants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

/** How a leader ended: one of the two; neither when nobody can know. */
export interface LeaderExit {
  readonly exitCode?: number;
  readonly signal?: string;
}

/** All leaders that were not reaped yet, by process number, and who is told how they ended. */
const leaders = new Map<number, (exit: LeaderExit) => void>();
let isAdopting = false;

/**
 * From now on a process whose parent has ended becomes a child of this one, however it tried to get away, and is reaped
 * here. Only for a process that starts nothing but leaders: of other children nobody would hear how they ended.
 */
export function adoptOrphans(): void {
  isAdopting = adoptOrphansOfAll();
  process.on("SIGCHLD", reapLeaders);
}

/**
 * False when nothing runs any more of what leaders that were reaped have started: all of it would be a child of this
 * process, or of such a child. The kernel's list of them misses nothing, as only this process takes anything off it.
 */
export function mayHaveOrphans(list = listChildren): boolean {
  if (!isAdopting) return true;
  reapLeaders();
  return list()?.every((pid) => leaders.has(pid)) !== true;
}

/** @throws when it cannot be executed: then there is no process */
export function spawnLeader(program: Program, terminalPath: string): number {
  // Before it can have ended.
  if (!process.listeners("SIGCHLD").includes(reapLeaders)) process.on("SIGCHLD", reapLeaders);
  const pid = spawnAsShellDoes(program, terminalPath);
  leaders.set(pid, () => undefined);
  return pid;
}

/** Who is told how this leader ends; before anything else is heard of it. */
export function onLeaderExit(pid: number, listener: (exit: LeaderExit) => void): void {
  leaders.set(pid, listener);
}

/** To a shell, a file that the kernel cannot execute is a script of its own. */
function spawnAsShellDoes({ file, args, env }: Program, terminalPath: string): number {
  try {
    return spawnOnTerminal({ file, args, env }, terminalPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOEXEC") throw error;
    return spawnOnTerminal({ file: "/bin/sh", args: ["sh", file, ...args.slice(1)], env }, terminalPath);
  }
}

/** Looks until there is none left: when several end at once, the kernel may tell of one only. */
function reapLeaders(): void {
  if (!isAdopting) {
    for (const pid of leaders.keys()) {
      const status = reap(pid);
      if (status !== undefined) tell(pid, status);
    }
    return;
  }
  for (let reaped = reapAny(); reaped !== undefined; reaped = reapAny()) {
    if (reaped === null) return [...leaders.keys()].forEach((pid) => tell(pid, null)); // somebody else has taken their status
    tell(reaped.pid, reaped.status);
  }
}

function tell(pid: number, status: number | null): void {
  const onExit = leaders.get(pid);
  leaders.delete(pid);
  // Each by itself: a fault with one must not keep the others from being heard of.
  if (onExit !== undefined) queueMicrotask(() => onExit(status === null ? {} : exitOf(status)));
}

function exitOf(status: number): LeaderExit {
  const signal = status & 0x7f;
  return signal === 0 ? { exitCode: status >> 8 } : { signal: SIGNAL_NAMES.get(signal) ?? `SIG${signal}` };
}
