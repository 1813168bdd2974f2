/** Takes the place of the supervisor's `process-table.ts`: the processes of the simulated host. */
import type * as real from "../../../packages/agent/src/supervisor/process-table.ts";
import { self } from "../kernel/machine.ts";

export type ProcessIdentity = real.ProcessIdentity;
export type ProcessEntry = real.ProcessEntry;

export const findProcess: typeof real.findProcess = (pid) => {
  const entry = self().host.processes.find(pid);
  if (entry === undefined) return undefined;
  const { startTicks, parentPid, sessionPid } = entry;
  return { pid, startTicks, parentPid, sessionPid, groupPid: sessionPid };
};

export const isAlive: typeof real.isAlive = ({ pid, startTicks }) => findProcess(pid)?.startTicks === startTicks;

export const signalProcess: typeof real.signalProcess = (target, signal) => {
  if (isAlive(target)) process.kill(target.pid, signal);
};

export const listPids: typeof real.listPids = () => self().host.processes.pids();

export const newestPid: typeof real.newestPid = () => self().host.lastPid;

export const readEnvironment: typeof real.readEnvironment = ({ pid }) => self().host.processes.find(pid)?.environment;
