/** Takes the place of the supervisor's `process-table.ts`: the processes of the simulated host. */
import type { ScriptProcess } from "../host/process-table.ts";
import { self } from "../kernel/machine.ts";

/** A process for ever: the kernel gives its number to another one later, but not with this start time. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

export interface ProcessEntry extends ProcessIdentity {
  readonly parentPid: number;
  readonly groupPid: number;
  readonly sessionPid: number;
}

export function findProcess(pid: number): ProcessEntry | undefined {
  const entry: ScriptProcess | undefined = self().host.processes.find(pid);
  if (entry === undefined) return undefined;
  const { startTicks, parentPid, sessionPid } = entry;
  return { pid, startTicks, parentPid, sessionPid, groupPid: sessionPid };
}

export function isAlive(process: ProcessIdentity): boolean {
  return findProcess(process.pid)?.startTicks === process.startTicks;
}

export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (isAlive(target)) process.kill(target.pid, signal);
}

export function listPids(): readonly number[] {
  return self().host.processes.pids();
}

export function newestPid(): number {
  return self().host.lastPid;
}

export function readEnvironment(pid: number): string | undefined {
  return self().host.processes.find(pid)?.environment;
}
