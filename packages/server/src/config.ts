import { KEPT_FOR, parseEnvironment, type KeptFor } from "@jobs/core";
import type { NatsOptions } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import { z } from "zod";
import type { AccessToken } from "./http/auth.ts";

/** What a server needs; a tool that embeds one gives it, `main` reads it from the environment. */
export interface ServerOptions {
  readonly nats: Omit<NatsOptions, "name" | "inboxPrefix">;
  /** Address to listen on, e.g. `127.0.0.1`. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The URL under which agents and users reach it, when that is not where it listens. */
  readonly publicUrl?: string | undefined;
  readonly tokens: readonly AccessToken[];
  /** Signs upload URLs. Servers that share an artifact store share it. */
  readonly secret: string;
  /** Where logs and artifacts are kept. */
  readonly artifacts: { readonly directory: string };
  /** For how long finished runs are kept of a job that says nothing itself; 90 days and 10,000 runs if not given. */
  readonly retention?: KeptFor | undefined;
  readonly log?: Logger | undefined;
  /** A follower that takes nothing for this long is cut off, milliseconds; 30 s if not given. */
  readonly slowReaderMs?: number | undefined;
  /** A request whose body has not come whole after this long is refused, milliseconds; 60 s if not given. */
  readonly bodyTimeoutMs?: number | undefined;
  /** So long a server that is to stop goes on as before while `/healthz` says that it stops, milliseconds; 0 if not given. */
  readonly stopDelayMs?: number | undefined;
}

const Word = z.string().regex(/^[\w-]+$/, "names and tokens have letters, digits, - and _, and at least one of them");

/** `name:token` pairs, comma-separated; a token alone is named `token`. */
const Tokens = z
  .string()
  .transform((text) =>
    text.split(",").map((pair) => {
      const colon = pair.indexOf(":");
      return { name: colon < 0 ? "token" : pair.slice(0, colon).trim(), token: pair.slice(colon + 1).trim() };
    }),
  )
  .pipe(z.array(z.object({ name: Word, token: Word })));

const Environment = z.object({
  NATS_URL: z.string().min(1),
  NATS_USER: z.string().optional(),
  NATS_PASSWORD: z.string().optional(),
  JOBS_LISTEN_HOST: z.string().min(1).default("127.0.0.1"),
  JOBS_LISTEN_PORT: wholeNumberTo(65_535).default(4280),
  JOBS_PUBLIC_URL: z.url().optional(),
  JOBS_TOKENS: Tokens,
  JOBS_SECRET: z.string().min(16),
  JOBS_ARTIFACTS_DIR: z.string().min(1),
  JOBS_RETENTION_DAYS: orForever(36_500).default(KEPT_FOR.days),
  JOBS_RETENTION_RUNS: orForever(100_000_000).default(KEPT_FOR.runs),
  JOBS_STOP_DELAY_MS: wholeNumberTo(600_000).default(0),
});

/** A number from 0 on; no text is none. */
function wholeNumberTo(max: number) {
  return z.string().trim().min(1).pipe(z.coerce.number<string>().int().min(0).max(max));
}

/** A number from 1 on; `all`: no bound. */
function orForever(max: number) {
  return z.union([z.literal("all").transform(() => null), z.coerce.number().int().min(1).max(max)], {
    error: "Write a number from 1 on, or all.",
  });
}

/** Reads a server's options from environment variables; throws `config-invalid` that names the first wrong one. */
export function serverOptionsFrom(env: Readonly<Record<string, string | undefined>>): ServerOptions {
  const one = parseEnvironment(Environment, env);
  return {
    nats: { url: one.NATS_URL, user: one.NATS_USER, password: one.NATS_PASSWORD },
    host: one.JOBS_LISTEN_HOST,
    port: one.JOBS_LISTEN_PORT,
    publicUrl: one.JOBS_PUBLIC_URL,
    tokens: one.JOBS_TOKENS,
    secret: one.JOBS_SECRET,
    artifacts: { directory: one.JOBS_ARTIFACTS_DIR },
    stopDelayMs: one.JOBS_STOP_DELAY_MS,
    retention: { days: one.JOBS_RETENTION_DAYS, runs: one.JOBS_RETENTION_RUNS },
  };
}
