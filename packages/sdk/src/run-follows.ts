import type { JobsError, RunView } from "@jobs/core";
import type { Connection } from "./connection.ts";
import { Follow, type Retry } from "./follow.ts";
import type { LogBuffer, LogStart } from "./log-buffer.ts";

interface RunFollowsOptions {
  readonly connection: Connection;
  readonly run: string;
  /** True while somebody waits for a change of the state that may still come. */
  readonly needsStates: () => boolean;
  readonly onRun: (view: RunView) => void;
  readonly onRetry: (retry: Retry) => void;
  readonly onError: (error: JobsError) => void;
}

/** A socket with a log. */
export type LogFollow = Follow & { readonly log: LogBuffer };

/**
 * The sockets of one run: as many as are needed, and no others. One for each reader of the log, which tells the states,
 * too; one for the states alone when somebody waits for them and no reader's socket tells them, because there is none or
 * its reader is slow.
 */
export class RunFollows {
  readonly #options: RunFollowsOptions;
  readonly #open = new Set<Follow>();
  readonly #read = new Set<Follow>();

  constructor(options: RunFollowsOptions) {
    this.#options = options;
  }

  /** Opens a socket for a reader of the log, from an offset on. */
  openLog(start: LogStart): LogFollow {
    const follow = this.#start(start) as LogFollow;
    this.#read.add(follow);
    this.tend();
    return follow;
  }

  /** The reader has gone. Once its log has ended the socket may go on for the states. */
  release(follow: Follow): void {
    this.#read.delete(follow);
    this.tend();
  }

  /** Opens and closes what is now needed or not: to be called when {@link RunFollowsOptions.needsStates} may have changed. */
  tend(): void {
    const needsStates = this.#options.needsStates();
    const isTold = [...this.#read].some((follow) => follow.hearsStates);
    for (const follow of this.#open) {
      const isNeeded = this.#read.has(follow) || (needsStates && follow.logEnded && !isTold);
      if (isNeeded) continue;
      this.#open.delete(follow);
      follow.close();
    }
    // A moment later: who begins to listen often begins to read, too, and that is one socket for both.
    if (needsStates) queueMicrotask(() => this.#openForStates());
  }

  /** Closes all; who reads gets this reason. */
  closeAll(reason: unknown): void {
    const follows = [...this.#open];
    this.#open.clear();
    for (const follow of follows) follow.close(reason);
  }

  #openForStates(): void {
    const isTold = [...this.#open].some((follow) => follow.hearsStates);
    if (!isTold && this.#options.needsStates()) this.#start();
  }

  #start(logFrom?: LogStart): Follow {
    const { connection, run, onRun, onRetry } = this.#options;
    const follow: Follow = new Follow({
      connection,
      run,
      ...(logFrom === undefined ? {} : { logFrom }),
      onRun,
      onRetry,
      onChange: (error) => this.#changed(follow, error),
    });
    this.#open.add(follow);
    follow.start();
    return follow;
  }

  #changed(follow: Follow, error: JobsError | undefined): void {
    if (!follow.isOpen) this.#open.delete(follow);
    if (error === undefined) this.tend();
    else this.#options.onError(error);
  }
}
