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

  /**
   * All that LOGS has, also what is beyond the end that the host tells: after a crash its spool may be the shorter one.
   * With `isLastTry` a log with a gap is kept up to the gap, and says which bytes are missing.
   */
  async keep(address: AttemptAddress & { readonly job: string }, end: LogEnd, isLastTry = false): Promise<Kept> {
    if (end.lengthBytes === 0 && (await this.#options.logs.endOf(address)) === 0)
      return { log: { lengthBytes: 0, sha256: end.sha256, complete: end.sha256 !== undefined } };
    const order = new InOrder(0);
    const facts = await this.#options.artifacts
      .put(logKey(address), this.#bytes(address, order, isLastTry ? 0 : end.lengthBytes))
      .catch((error: unknown) => {
        if (error instanceof Incomplete) return undefined;
        throw error;
      });
    if (facts === undefined) return { missingFrom: order.position };
    const { sizeBytes: lengthBytes, sha256 } = facts;
    // The hash is that of the whole log. A host that dropped bytes, or lost some in a crash, gives none.
    if (lengthBytes >= end.lengthBytes) return { log: { lengthBytes, sha256, complete: sha256 === end.sha256 } };
    return { log: { lengthBytes: end.lengthBytes, complete: false, missing: [[lengthBytes, end.lengthBytes]] } };
  }

  /** Keeps what LOGS has of a log whose end nobody knows: it is not called complete. */
  async keepRest(address: AttemptAddress & { readonly job: string }): Promise<StoredLog> {
    const order = new InOrder(0);
    if ((await this.#options.logs.endOf(address)) > 0)
      await this.#options.artifacts.put(logKey(address), this.#bytes(address, order, 0));
    return { lengthBytes: order.position, complete: false };
  }

  /** Throws {@link Incomplete} when LOGS ends before `atLeast`. */
  async *#bytes(address: AttemptAddress, order: InOrder, atLeast: number): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#options.logs.chunks(address, new AbortController().signal)) {
      if (chunk === "caught-up") break;
      const bytes = order.take(chunk);
      if (bytes !== undefined) yield bytes;
    }
    if (order.position < atLeast) throw new Incomplete();
  }
}

/** LOGS has been read to its end and bytes are missing. */
class Incomplete extends Error {}
