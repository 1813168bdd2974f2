/** Moves the log of an ended attempt from LOGS to the artifact store, and checks that it is whole. */
import type { LogEnd, StoredLog } from "@jobs/core";
import { logKey, type ArtifactStore } from "@jobs/core/artifacts";
import type { AttemptAddress, LogStore } from "@jobs/core/jetstream";
import { InOrder } from "./in-order.ts";

export interface LogKeeperOptions {
  readonly logs: LogStore;
  readonly artifacts: ArtifactStore;
}

/** Either the log as it is kept now, or from where on LOGS has it not. */
export type Kept =
  | { readonly log: StoredLog; readonly missingFrom?: never }
  | { readonly missingFrom: number; readonly log?: never };

export class LogKeeper {
  readonly #options: LogKeeperOptions;

  constructor(options: LogKeeperOptions) {
    this.#options = options;
  }

  /** With `isLastTry` a log with a gap is kept up to the gap, and says which bytes are missing. */
  async keep(address: AttemptAddress & { readonly job: string }, end: LogEnd, isLastTry = false): Promise<Kept> {
    if (end.lengthBytes === 0) return { log: verdict(end, end.sha256) };
    const order = new InOrder(0, end.lengthBytes);
    const facts = await this.#options.artifacts
      .put(logKey(address), this.#bytes(address, order, isLastTry))
      .catch((error: unknown) => {
        if (error instanceof Incomplete) return undefined;
        throw error;
      });
    if (facts === undefined) return { missingFrom: order.position };
    if (order.isComplete) return { log: verdict(end, facts.sha256) };
    return { log: { lengthBytes: end.lengthBytes, complete: false, missing: [[order.position, end.lengthBytes]] } };
  }

  /** Keeps what LOGS has of a log whose end nobody knows: it is not called complete. */
  async keepRest(address: AttemptAddress & { readonly job: string }): Promise<StoredLog> {
    const order = new InOrder(0);
    if ((await this.#options.logs.endOf(address)) > 0)
      await this.#options.artifacts.put(logKey(address), this.#bytes(address, order, true));
    return { lengthBytes: order.position, complete: false };
  }

  async *#bytes(address: AttemptAddress, order: InOrder, isLastTry: boolean): AsyncGenerator<Uint8Array> {
    const enough = new AbortController();
    for await (const chunk of this.#options.logs.chunks(address, enough.signal)) {
      const bytes = chunk === "caught-up" ? undefined : order.take(chunk);
      if (bytes !== undefined) yield bytes;
      if (order.isComplete || (chunk === "caught-up" && isLastTry)) return enough.abort();
      if (chunk === "caught-up") throw new Incomplete();
    }
  }
}

/** LOGS has been read to its end and bytes are missing. */
class Incomplete extends Error {}

/** Complete only when the hash is the host's. A host that dropped bytes gives none. */
function verdict({ lengthBytes, sha256 }: LogEnd, kept: string | undefined): StoredLog {
  const complete = sha256 !== undefined && sha256 === kept;
  return { lengthBytes, complete, ...(kept === undefined ? {} : { sha256: kept }) };
}
