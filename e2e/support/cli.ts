/** The built command line as a process, as people start it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { TOKEN, type Stack } from "./stack.ts";

const JOBS = fileURLToPath(new URL("../../packages/cli/dist/bundle/jobs.mjs", import.meta.url));

export interface CliOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What comes on standard input; nothing if not given. */
  readonly input?: string;
}

export interface CliOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli extends AsyncDisposable {
  /** Resolves once stdout has that many lines; rejects when the command ends before. */
  lines(count: number): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly outcome: Promise<CliOutcome>;
}

export function startCli(args: readonly string[], { env, cwd, input }: CliOptions): RunningCli {
  const child = spawn(process.execPath, [JOBS, ...args], { cwd, env: { PATH: process.env["PATH"] ?? "", ...env } });
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on("data", (part: Buffer) => parts.stdout.push(part));
  child.stderr.on("data", (part: Buffer) => parts.stderr.push(part));
  child.stdin.on("error", () => undefined); // it may end without having read all
  child.stdin.end(input ?? "");
  const textOf = (of: "stdout" | "stderr"): string => Buffer.concat(parts[of]).toString();
  const outcome = once(child, "close").then(([exitCode]) => ({
    exitCode: exitCode as number | null,
    stdout: textOf("stdout"),
    stderr: textOf("stderr"),
  }));
  return {
    outcome,
    signal: (signal) => void child.kill(signal),
    lines: async (count) => {
      const has = (): boolean => textOf("stdout").split("\n").length > count;
      while (!has()) {
        const ended = await Promise.race([once(child.stdout, "data").then(() => undefined), outcome]);
        if (ended !== undefined && !has()) throw new Error(`ended before line ${count}: ${JSON.stringify(ended)}`);
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await outcome;
    },
  };
}

/** Runs a command against the first server of a stack, to its end. */
export function runCli({ servers, directory }: Stack, ...args: string[]): Promise<CliOutcome> {
  const env = { JOBS_URL: servers[0]?.url ?? "", JOBS_TOKEN: TOKEN };
  return startCli(args, { env, cwd: directory }).outcome;
}
