/** Servers as processes of their own, so that they can be killed; from the build, as users run them. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SERVER_PROGRAM = fileURLToPath(new URL("../../packages/server/bin/jobs-server", import.meta.url));
const AGENT_MAIN = fileURLToPath(new URL("../../packages/agent/dist/main.js", import.meta.url));

export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  /** What a log line with this text said; the lines from the start on count. */
  line(text: string): Promise<Record<string, unknown>>;
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Sends a signal that ends nothing, as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void;
}

export function startServerProcess(env: Record<string, string>): RunningProcess {
  return start([SERVER_PROGRAM], env);
}

export function startAgentProcess(env: Record<string, string>): RunningProcess {
  return start([process.execPath, AGENT_MAIN], env);
}

function start([program = "", ...args]: readonly string[], env: Record<string, string>): RunningProcess {
  const child = spawn(program, args, {
    env: { PATH: process.env["PATH"] ?? "", JOBS_LOG_LEVEL: process.env["E2E_LOG"] ?? "info", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Record<string, unknown>[] = [];
  const waiting: ((line: Record<string, unknown>) => void)[] = [];
  createInterface({ input: child.stdout }).on("line", (text) => {
    if (process.env["E2E_LOG"] !== undefined) process.stderr.write(`${text}\n`);
    const line = JSON.parse(text) as Record<string, unknown>;
    lines.push(line);
    for (const one of waiting.slice()) one(line);
  });
  const kill = (signal: NodeJS.Signals): Promise<void> => end(child, signal);
  return {
    pid: child.pid ?? 0,
    line: (text) => {
      const has = (line: Record<string, unknown>): boolean => String(line["msg"]).startsWith(text);
      const known = lines.find(has);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        waiting.push((line) => has(line) && resolve(line));
        child.once("exit", (code) =>
          reject(new Error(`the process ended with ${code} before it said “${text}”: ${JSON.stringify(lines.at(-1))}`)),
        );
      });
    },
    kill,
    signal: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: () => kill("SIGKILL"),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
