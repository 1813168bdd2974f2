import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { kill, platform } from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const POLL_MS = 10;
const TERMINATE_LIMIT_MS = 10_000;
const KILL_LIMIT_MS = 5000;

/**
 * Ends the nats-server that an earlier, killed process of ours left behind on the same data: the process of the pid
 * file, and only when its command line names our configuration file; a pid may have gone to somebody else by now.
 */
export async function endLeftOver(files: { pid: string; conf: string }): Promise<void> {
  const pid = await findPid(files.pid);
  if (pid === undefined) return;
  const isLeftOver = async (): Promise<boolean> => (await commandLineOf(pid)).includes(files.conf);
  if (!(await isLeftOver())) return;
  sendSignal(pid, "SIGTERM");
  if (await becomesFalse(isLeftOver, TERMINATE_LIMIT_MS)) return;
  sendSignal(pid, "SIGKILL");
  if (await becomesFalse(isLeftOver, KILL_LIMIT_MS)) return;
  throw new Error(`the nats-server of an earlier start (pid ${pid}) does not end; end it and start again`);
}

async function findPid(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return pid > 1 ? pid : undefined;
}

/** The arguments of a process; empty when there is none, or when it only waits to be reaped. */
async function commandLineOf(pid: number): Promise<readonly string[] | string> {
  try {
    if (platform === "linux") return (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
    if (platform === "win32") return "";
    return (await promisify(execFile)("ps", ["-ww", "-o", "command=", "-p", String(pid)])).stdout;
  } catch {
    return "";
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function becomesFalse(condition: () => Promise<boolean>, limitMs: number): Promise<boolean> {
  const endsAt = performance.now() + limitMs;
  while (await condition()) {
    if (performance.now() > endsAt) return false;
    await delay(POLL_MS);
  }
  return true;
}
