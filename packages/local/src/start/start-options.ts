import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { JobsError, parseEnvironment } from "@jobs/core";
import { z } from "zod";
import type { StartIo } from "./start-io.ts";

const DEFAULT_PORT = 4280;

export const HELP = `Usage: npm start [-- options]

Starts nats-server, server and agent on this machine. On a new data folder it runs a first job.

  --once       run the first job, stop everything, and exit with the job's exit code
  --data DIR   data folder; else JOBS_DATA_DIR, else .jobs in the checkout
  --port N     port of the server; else ${DEFAULT_PORT}, or any free one when that is taken

NATS_URL, NATS_USER, NATS_PASSWORD: use that nats-server instead of an own one.
JOBS_LOG_LEVEL: what goes to jobs.log in the data folder; default warn.`;

export interface StartOptions {
  readonly isHelp: boolean;
  readonly isOnce: boolean;
  readonly dataDir: string;
  readonly isDefaultDataDir: boolean;
  readonly port: number;
  /** False when the user asked for this very port. */
  readonly isPortOptional: boolean;
  readonly nats: { readonly natsUrl?: string; readonly natsUser?: string; readonly natsPassword?: string };
  readonly logLevel: string;
}

const Environment = z.object({
  JOBS_DATA_DIR: z.string().min(1).optional(),
  NATS_URL: z.string().min(1).optional(),
  NATS_USER: z.string().optional(),
  NATS_PASSWORD: z.string().optional(),
  JOBS_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("warn"),
});

/** Reads arguments and environment; throws `invalid-request` or `config-invalid` that names the first wrong one. */
export function startOptionsFrom(argv: readonly string[], { env, cwd, root }: StartIo): StartOptions {
  const { once = false, help = false, data, port } = parse(argv);
  const settings = parseEnvironment(Environment, env);
  const { JOBS_DATA_DIR, NATS_URL: natsUrl, NATS_USER: natsUser, NATS_PASSWORD: natsPassword } = settings;
  const defaultDir = join(root, ".jobs");
  const given = data ?? JOBS_DATA_DIR;
  const dataDir = given === undefined ? defaultDir : resolve(cwd, given);
  return {
    isHelp: help,
    isOnce: once,
    dataDir,
    isDefaultDataDir: dataDir === defaultDir,
    port: port === undefined ? DEFAULT_PORT : portFrom(port),
    isPortOptional: port === undefined,
    nats: {
      ...(natsUrl === undefined ? {} : { natsUrl }),
      ...(natsUser === undefined ? {} : { natsUser }),
      ...(natsPassword === undefined ? {} : { natsPassword }),
    },
    logLevel: settings.JOBS_LOG_LEVEL,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        once: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        data: { type: "string" },
        port: { type: "string" },
      },
    }).values;
  } catch (cause) {
    throw new JobsError("invalid-request", `${(cause as Error).message}; see npm start -- --help`, { cause });
  }
}

function portFrom(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new JobsError("invalid-request", `--port takes a number up to 65535, not "${text}".`, { field: "port" });
}
