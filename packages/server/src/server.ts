/** One server: it has no state of its own; several run side by side, one of them decides. */
import { randomUUID } from "node:crypto";
import { connectNats } from "@jobs/core/jetstream";
import { build } from "./build.ts";
import type { ServerOptions } from "./config.ts";

export interface RunningServer extends AsyncDisposable {
  /** Names this process among the servers. */
  readonly id: string;
  /** Where it listens, e.g. `http://127.0.0.1:4280`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Connects to NATS, makes the streams that are missing, catches up and listens. Resolves once it can answer. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const id = randomUUID().slice(0, 8);
  const undo: (() => Promise<unknown>)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= undoAll(undo));
  try {
    const link = await connectNats({ ...options.nats, name: `jobs-server-${id}` });
    undo.push(() => link.connection.close());
    const url = await build(options, { id, link, undo });
    return { id, url, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Undoes in reverse what was begun, all of it. */
async function undoAll(undo: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const one of undo.toReversed()) await one().catch(() => undefined); // the next one must be undone all the same
}
