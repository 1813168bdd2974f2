import { closeSync, openSync, readFileSync, readSync, readdirSync } from "node:fs";

/** A process for ever: the kernel gives its number to another one later, but not with this start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks (10 ms) from boot to its start; the kernel's field 22. */
  readonly startTicks: number;
}

export interface ProcessEntry extends ProcessIdentity {
  readonly parentPid: number;
  readonly groupPid: number;
  readonly sessionPid: number;
  /** Its first thread has ended, others go on: what is that thread's is not to be read any more. */
  readonly isHeadless?: true;
}

/** Grows to the longest file that was read: an environment may have some MiB, and what is looked for comes last in it. */
let buffer = Buffer.allocUnsafe(256 * 1024);

/** Undefined when there is no such process, or only its exit status is left of it: a zombie that has no other thread. */
export function findProcess(pid: number): ProcessEntry | undefined {
  const stat = readProcFile(pid, "stat");
  if (stat === undefined) return undefined;
  // The name in parentheses may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isHeadless = fields[0] === "Z" && Number(fields[17]) > 1;
  if (fields[0] === "X" || (fields[0] === "Z" && !isHeadless)) return undefined;
  return {
    ...(isHeadless ? { isHeadless } : {}),
    pid,
    parentPid: Number(fields[1]),
    groupPid: Number(fields[2]),
    sessionPid: Number(fields[3]),
    startTicks: Number(fields[19]),
  };
}

export function isAlive(process: ProcessIdentity): boolean {
  return findProcess(process.pid)?.startTicks === process.startTicks;
}

/** Nothing when it has ended meanwhile, or is not this process's to signal: who must know looks again. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  try {
    if (isAlive(target)) process.kill(target.pid, signal);
  } catch {
    // It ended after the look.
  }
}

export function listPids(): readonly number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** The children of this process, those included that have ended and were not reaped; undefined when the kernel does not tell. */
export function listChildren(): readonly number[] | undefined {
  // Of its first thread: that one starts them, and is given those whose parents end.
  const children = readProcFile(process.pid, `task/${process.pid}/children`);
  return children?.split(" ").filter(Boolean).map(Number);
}

/** The number given out last; a lower one than before means that the numbers began anew. */
export function newestPid(): number {
  return Number(readFileSync("/proc/loadavg", "utf8").trim().split(" ").at(-1));
}

/**
 * The `NAME=value` entries a process was started with, each between two NUL bytes. Undefined when it may not be read;
 * empty for a kernel thread, for `env -i`, and for a moment while a process executes a new program.
 */
export function readEnvironment({ pid, isHeadless }: Pick<ProcessEntry, "pid" | "isHeadless">): string | undefined {
  const names = isHeadless === true ? listThreads(pid).map((thread) => `task/${thread}/environ`) : ["environ"];
  let environment: string | undefined;
  for (const name of names) environment ||= readProcFile(pid, name);
  return environment ? `\0${environment}\0` : environment;
}

function listThreads(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    ignoreUnreadable(error);
    return [];
  }
}

/**
 * Reads by hand into one buffer: a sweep reads hundreds of these files, and `readFileSync` takes twice as long.
 *
 * @throws when the host is too short of something to look: that proves nothing about the process
 */
function readProcFile(pid: number, name: string): string | undefined {
  let file: number;
  try {
    file = openSync(`/proc/${pid}/${name}`, "r");
  } catch (error) {
    return ignoreUnreadable(error);
  }
  try {
    let length = 0;
    for (let read = -1; read !== 0; length += read) {
      if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * length);
      read = readSync(file, buffer, length, buffer.length - length, null);
    }
    return buffer.toString("latin1", 0, length);
  } catch (error) {
    return ignoreUnreadable(error);
  } finally {
    closeSync(file);
  }
}

function ignoreUnreadable(error: unknown): undefined {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) throw error;
}
