import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
/** `npm start`: the stack, a first job to see it work, and what to try next; until Ctrl-C. */
import { exitCodeOf, toJobsError } from "@jobs/core";
import { logLines } from "@jobs/core/log-lines";
import { defaultCacheDir } from "@jobs/core/nats-server";
import { connect, type JobsClient } from "@jobs/sdk";
import { pino, type Logger } from "pino";
import { startLocal, type RunningLocal } from "../local.ts";
import type { LocalPart } from "../options.ts";
import { FIRST_JOB, runFirstJob } from "./first-job.ts";
import { Screen } from "./screen.ts";
import type { StartIo } from "./start-io.ts";
import { HELP, startOptionsFrom, type StartOptions } from "./start-options.ts";

const INTERRUPTED = 130;

interface Start {
  readonly options: StartOptions;
  readonly io: StartIo;
  readonly screen: Screen;
}

/** Runs until it is interrupted, or with `--once` until the first job has ended; gives the exit code, never throws. */
export async function runStart(argv: readonly string[], io: StartIo): Promise<number> {
  const screen = new Screen(io);
  try {
    const options = startOptionsFrom(argv, io);
    if (!options.isHelp) return await startAndStop({ options, io, screen });
    io.stdout.write(`${HELP}\n`);
    return 0;
  } catch (error) {
    if (io.interrupt.aborted) return INTERRUPTED;
    const known = toJobsError(error);
    screen.error(known);
    return exitCodeOf(known.code);
  }
}

async function startAndStop(start: Start): Promise<number> {
  const { options, io, screen } = start;
  const startedAt = performance.now();
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const logFile = join(options.dataDir, "jobs.log");
  const log = pino({ level: options.logLevel }, logLines(logFile));
  const local = await startLocal({
    ...options.nats,
    dataDir: options.dataDir,
    port: options.port,
    isPortOptional: options.isPortOptional,
    cacheDir: defaultCacheDir(io.env, io.home),
    env: io.env,
    signal: io.interrupt,
    log,
    onProgress: (part, line) => showPart(start, part, line),
  });
  try {
    screen.part("started", `in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    return await useIt(start, local, log);
  } finally {
    screen.line();
    screen.line("Stopping …");
    await local.stop();
    screen.line("Stopped. Nothing is left running; the next start knows all runs.");
  }
}

function showPart({ options, screen }: Start, part: LocalPart, line: string): void {
  if (part === "data") {
    screen.line();
    screen.part(part, `${screen.path(line)} (for another one: npm start -- --data DIR, or JOBS_DATA_DIR)`);
  } else if (part === "server" && options.isPortOptional && !line.endsWith(`:${options.port}`)) {
    screen.part(part, `${line} (another program has port ${options.port})`);
  } else screen.part(part, line);
}

async function useIt({ options, io, screen }: Start, local: RunningLocal, log: Logger): Promise<number> {
  const { interrupt: signal } = io;
  const client = connect({ url: local.url, token: local.token });
  const isFirst = await showHistory(client, screen);
  if (options.isOnce || isFirst) {
    const { exitCode, state } = await runFirstJob({ client, local, screen, signal });
    if (options.isOnce) return exitCode ?? (state === "completed" ? 0 : 1);
  }
  showNextSteps({ options, io, screen }, local);
  const broken = await Promise.race([local.broken, aborted(signal)]);
  if (broken === undefined) return 0;
  log.fatal(broken.message);
  throw broken;
}

/** Says which runs are known from earlier; true when there is none. */
async function showHistory(client: JobsClient, screen: Screen): Promise<boolean> {
  const [last] = await client.listRuns({ limit: 1 });
  if (last === undefined) return true;
  const { total } = await client.countRuns();
  const count = total === 1 ? "1 run" : `${total} runs`;
  const at = new Date(last.times.endedAt ?? last.times.submittedAt).toLocaleString("sv-SE"); // 2026-07-31 18:05:09
  screen.part("history", `${count}; the last: ${last.job}, ${last.state}, ${at}`);
  return false;
}

function showNextSteps({ options, io, screen }: Start, local: RunningLocal): void {
  const launcher = relative(io.cwd, join(io.root, "jobs"));
  const program = launcher.startsWith("..") ? join(io.root, "jobs") : `./${launcher}`;
  // The launcher finds the usual folder by itself.
  const jobs = options.isDefaultDataDir ? program : `JOBS_CONFIG=${quoted(local.connectionFile)} ${program}`;
  screen.heading("It runs. In another terminal, try:");
  screen.line();
  screen.command(`${jobs} submit --name hello --follow -c 'echo "hello from $(uname -n)"'`);
  screen.command(`${jobs} logs ${FIRST_JOB}`);
  screen.command(`${jobs} list`);
  screen.line();
  screen.part("address", local.url);
  screen.part("token", local.token);
  screen.dim("From your own tools: examples/. The first job again: npm start -- --once. Stop everything: Ctrl-C.");
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
