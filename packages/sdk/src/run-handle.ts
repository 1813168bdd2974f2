/**
 * A run as a tool holds it. It opens a socket only while somebody waits for something that only a socket tells:
 *
 *   a reader of logs()                   until the log's end, or the reader goes
 *   result(), listeners of `state`       until the run has ended
 *   settled(), listeners of `settled`    until the run is settled
 */
import { type Artifact, type RunState, type RunView, type StoredLog } from "@jobs/core";
import { EventEmitter } from "eventemitter3";
import { begunHosts } from "./begun-hosts.ts";
import { call } from "./call.ts";
import type { Connection } from "./connection.ts";
import { LogChunker, type LogChunk } from "./log-chunk.ts";
import type { LogOptions } from "./log-options.ts";
import { RunArtifact } from "./run-artifact.ts";
import type { RunEvents } from "./run-events.ts";
import { RunFollows } from "./run-follows.ts";

/** How a run ended: its view once its state is final. */
export type RunResult = RunView & {
  readonly state: Extract<RunState, "completed" | "failed" | "cancelled" | "skipped">;
};

/** The part of a run for several hosts on one of them, a run itself. */
export interface RunPart {
  /** The agent's id. */
  readonly agent: string;
  /** The agent's name. */
  readonly name: string;
  readonly run: RunHandle;
}

/** Ends a wait; it then rejects with the signal's reason. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly isMet: (view: RunView) => boolean;
  readonly resolve: (view: RunView) => void;
  readonly reject: (reason: unknown) => void;
}

interface RunHandleOptions {
  readonly connection: Connection;
  readonly view: RunView;
  readonly known?: boolean;
}

/**
 * One run: follow its log and its state, wait for its end, cancel it, fetch its artifacts.
 * All of it survives broken connections and restarted servers: it goes on where it was.
 *
 * @example
 * const run = await submitJob({ name: "nightly-backup", script: "pg_dump shop > $JOBS_OUTPUT/shop.sql", on: "db-1" });
 * for await (const { text } of run.logs()) console.log(text);
 * const { state, exitCode, sentence } = await run.result();
 */
export class RunHandle {
  readonly #connection: Connection;
  readonly #events = new EventEmitter<RunEvents>();
  readonly #waiters = new Set<Waiter>();
  readonly #follows: RunFollows;
  #view: RunView;
  #log: StoredLog | undefined;
  /** After a final error, or close(): until somebody waits anew. */
  #hasFailed = false;

  /** The run's id. */
  readonly id: string;
  /** The name of its job. */
  readonly job: string;
  /** True when a run of this job had the same idempotency key already: this is that run, nothing new was submitted. */
  readonly known: boolean;

  constructor({ connection, view, known = false }: RunHandleOptions) {
    this.#connection = connection;
    this.#view = view;
    this.id = view.run;
    this.job = view.job;
    this.known = known;
    this.#follows = new RunFollows({
      connection,
      run: view.run,
      needsStates: () => this.#needsStates,
      onRun: (seen) => this.#see(seen),
      onRetry: (retry) => this.#events.emit("retry", retry),
      onError: (error) => {
        this.#events.emit("error", error);
        this.#fail(error);
      },
    });
  }

  /** The run as it was last seen: kept up to date while something is awaited, read or listened to. */
  get view(): RunView {
    return this.#view;
  }

  /** How the log ended: whether it is complete, else which bytes are missing. Undefined until that is known. */
  get log(): StoredLog | undefined {
    return this.#log ?? this.#view.output?.log;
  }

  /**
   * The log from an offset (in bytes) on, then live, to its end; returns how it ended, with `live: false` only if it has.
   * A slow reader slows down the network, not the run. Breaking out of the loop closes the connection.
   *
   * @throws JobsError `unauthenticated`, `run-unknown`; `invalid-request` when the run is over and had no such attempt.
   * @example
   * for await (const chunk of run.logs({ from: 0 })) process.stdout.write(chunk.bytes);
   * if (!run.log?.complete) console.warn("bytes are missing", run.log?.missing);
   */
  async *logs(options: LogOptions = {}): AsyncGenerator<LogChunk, StoredLog | undefined, void> {
    const { from = 0, live = true, attempt, fromAttempt, signal } = options;
    const follow = this.#follows.openLog({ from, attempt: attempt ?? fromAttempt, only: attempt !== undefined });
    const chunker = new LogChunker(from);
    try {
      for (;;) {
        const item = await follow.log.next(signal);
        if (item.kind === "bytes") yield chunker.chunk(item.frame);
        else if (item.kind === "end" || (!live && !isSettled(this.#view))) {
          if (item.kind === "end" && attempt === undefined) this.#log = item.log;
          const rest = chunker.rest();
          if (rest !== undefined) yield rest;
          return item.kind === "end" ? item.log : undefined; // more may come
        }
      }
    } finally {
      this.#follows.release(follow);
    }
  }

  /**
   * Of a run for several hosts the part on each, once it has begun there, until the run is settled; of a run for one host none.
   * Throws as {@link result}.
   *
   * @example
   * for await (const { name, run: part } of run.parts()) void part.result().then(({ sentence }) => console.log(name, sentence));
   */
  async *parts({ signal }: WaitOptions = {}): AsyncGenerator<RunPart, void, void> {
    const connection = this.#connection;
    const until = (isMet: Waiter["isMet"], by?: AbortSignal): Promise<RunView> => this.#until(isMet, { signal: by });
    const done = new AbortController();
    until(() => false, done.signal).catch(() => undefined); // between its waits it goes on listening
    try {
      for await (const { run: view, ...host } of begunHosts({ connection, run: this.id, until, signal }))
        yield { ...host, run: new RunHandle({ connection, view }) };
    } finally {
      done.abort();
    }
  }

  /**
   * Waits until the run has ended, and says how.
   *
   * @throws JobsError `unauthenticated`, `run-unknown`.
   * @example
   * const { state, reason, exitCode, sentence } = await run.result({ signal: AbortSignal.timeout(60_000) });
   */
  async result(options: WaitOptions = {}): Promise<RunResult> {
    return (await this.#until(hasEnded, options)) as RunResult;
  }

  /** Waits until the run has ended and its log and artifacts are all there, or known to be not. Throws as {@link result}. */
  async settled(options: WaitOptions = {}): Promise<RunResult> {
    return (await this.#until(isSettled, options)) as RunResult;
  }

  /** Listens to an event; the first listener opens a connection, which ends with the run. */
  on<E extends keyof RunEvents>(event: E, listener: EventEmitter.EventListener<RunEvents, E>): this {
    this.#events.on(event, listener);
    this.#wait();
    return this;
  }

  /** Listens to the next such event only. */
  once<E extends keyof RunEvents>(event: E, listener: EventEmitter.EventListener<RunEvents, E>): this {
    this.#events.once(event, listener);
    this.#wait();
    return this;
  }

  /** Listens no longer. */
  off<E extends keyof RunEvents>(event: E, listener: EventEmitter.EventListener<RunEvents, E>): this {
    this.#events.off(event, listener);
    this.#follows.tend();
    return this;
  }

  /**
   * Cancels the run: at once while no host has it; else it is requested, and {@link result} tells when the host has
   * proven its end. A run that has ended stays as it is.
   */
  async cancel(options: WaitOptions = {}): Promise<RunView> {
    this.#see(await call(this.#connection, { operation: "cancelRun", input: { run: this.id } }, options));
    return this.#view;
  }

  /** Keeps it from starting while it still waits; those behind it pass it. Throws `run-started` when a host has it. */
  async hold(options: WaitOptions = {}): Promise<RunView> {
    this.#see(await call(this.#connection, { operation: "holdRun", input: { run: this.id } }, options));
    return this.#view;
  }

  /** Lets it go on after a hold, at its old place in line. */
  async release(options: WaitOptions = {}): Promise<RunView> {
    this.#see(await call(this.#connection, { operation: "releaseRun", input: { run: this.id } }, options));
    return this.#view;
  }

  /**
   * The files that the script left in `$JOBS_OUTPUT`; waits until the run is settled. `attempt`: those of an earlier one.
   * Throws as {@link result}, and `invalid-request` when there is no such attempt.
   */
  async artifacts(options: WaitOptions & { readonly attempt?: number | undefined } = {}): Promise<RunArtifact[]> {
    const { output } = await this.settled(options);
    const connection = this.#connection;
    const { attempt } = options;
    const input = { run: this.id, attempt };
    const { artifacts } =
      attempt === undefined
        ? { artifacts: output?.artifacts ?? [] }
        : await call(connection, { operation: "listArtifacts", input }, options);
    return artifacts.map((artifact: Artifact) => new RunArtifact({ connection, run: this.id, artifact, attempt }));
  }

  /** Lets go: removes all listeners and closes all connections. The run itself goes on; waiting calls are rejected. */
  close(): void {
    this.#events.removeAllListeners();
    this.#fail(new DOMException("The handle of the run was closed.", "AbortError"));
  }

  async #until(isMet: Waiter["isMet"], { signal }: WaitOptions): Promise<RunView> {
    signal?.throwIfAborted();
    if (isMet(this.#view)) return this.#view;
    return await new Promise((resolve, reject) => {
      const waiter: Waiter = {
        isMet,
        resolve: (view) => done(() => resolve(view)),
        reject: (reason) => done(() => reject(reason)),
      };
      const abort = (): void => waiter.reject(signal?.reason);
      const done = (settle: () => void): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", abort);
        settle();
        this.#follows.tend();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiters.add(waiter);
      this.#wait();
    });
  }

  /** Somebody new waits: what failed for others before is tried again. */
  #wait(): void {
    this.#hasFailed = false;
    this.#follows.tend();
  }

  #see(view: RunView): void {
    const before = this.#view;
    // Two sockets, or two servers, may tell out of order: an end is final.
    if ((hasEnded(before) && !hasEnded(view)) || (isSettled(before) && !isSettled(view))) return;
    this.#view = view;
    if (view.state !== before.state) this.#events.emit("state", view);
    if (isSettled(view) && !isSettled(before)) this.#events.emit("settled", view);
    for (const waiter of this.#waiters) {
      if (waiter.isMet(view)) waiter.resolve(view);
    }
    this.#follows.tend();
  }

  #fail(reason: unknown): void {
    this.#hasFailed = true;
    this.#follows.closeAll(reason);
    for (const waiter of this.#waiters) waiter.reject(reason);
  }

  /** True while somebody waits for a change of the state that may still come. */
  get #needsStates(): boolean {
    const view = this.#view;
    if (this.#hasFailed || isSettled(view)) return false;
    const awaitsSettled = this.#events.listenerCount("settled") > 0;
    const awaitsState = this.#events.listenerCount("state") > 0 && !hasEnded(view);
    return awaitsSettled || awaitsState || this.#waiters.size > 0;
  }
}

function hasEnded(view: RunView): boolean {
  return view.times.endedAt !== undefined;
}

function isSettled(view: RunView): boolean {
  return view.times.settledAt !== undefined;
}
