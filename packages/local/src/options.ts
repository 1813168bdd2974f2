import type { ServerOptions } from "@jobs/server";

/** What a start tells about, in the order in which it starts them. */
export type LocalPart = "data" | "nats-server" | "server" | "agent";

export interface LocalOptions {
  /** Folder for everything that must outlive the process; made when missing. One stack at a time runs on it. */
  readonly dataDir: string;
  /** The agent's name; default `local`. */
  readonly name?: string | undefined;
  /** Port of the server on the loopback. Default: any free one. */
  readonly port?: number | undefined;
  /** When `port` is taken, take any free one instead of failing. Default false. */
  readonly isPortOptional?: boolean | undefined;
  /** A nats-server with JetStream to use instead of an own one, e.g. `nats://127.0.0.1:4222`. */
  readonly natsUrl?: string | undefined;
  readonly natsUser?: string | undefined;
  readonly natsPassword?: string | undefined;
  /** Where a fetched nats-server is kept, for all stacks of this user: see `defaultCacheDir`. */
  readonly cacheDir: string;
  /** The environment: its PATH says where nats-server is looked for; scripts get PATH, HOME and the like of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How many scripts at once; four a core if not given. */
  readonly slots?: number | undefined;
  /** How long scripts that still run at the stop may take to end, milliseconds; default 2,000. */
  readonly stopGraceMs?: number | undefined;
  readonly log?: ServerOptions["log"];
  /** Takes one line for the user about each part. */
  readonly onProgress?: ((part: LocalPart, line: string) => void) | undefined;
  /** Ends the start; it is undone then, and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
