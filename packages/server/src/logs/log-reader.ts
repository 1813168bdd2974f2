/**
 * Reads the log of a run's attempt from any offset to its end, in order and gapless, wherever its bytes are by now:
 * in LOGS while the run lives, in the artifact store once it is settled. It never holds more than a few chunks.
 */
import { isGivenUp, type Attempt, type LogFrame, type RunView, type StoredLog } from "@jobs/core";
import { logKey, type ArtifactStore } from "@jobs/core/artifacts";
import type { AttemptAddress, LogChunk, LogStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import type { Runs } from "../projection/runs.ts";
import { InOrder } from "./in-order.ts";

export interface LogReaderOptions {
  readonly logs: LogStore;
  readonly artifacts: ArtifactStore;
  readonly runs: Runs;
  readonly jobs: JobsProjection;
  readonly log: Logger;
}

/** Where a reader goes on: an offset in the log of an attempt; of the current one when none is named. The later ones follow it. */
export interface LogPosition {
  readonly from: number;
  readonly attempt?: number | undefined;
  /** The log of that attempt and no other. */
  readonly only?: boolean | undefined;
}

const AGAIN_MS = 100;
/** After this long without a chunk it is looked whether one was missed, milliseconds. */
const QUIET_MS = 5_000;
/** How long the rest of an earlier attempt's log is waited for, milliseconds. */
const PAST_MS = 5_000;
const EMPTY: StoredLog = { lengthBytes: 0, complete: true };

export class LogReader {
  readonly #options: LogReaderOptions;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /**
   * Chunks from `from` on, and `"caught-up"` once all that was stored at first has been given; returns what is known of
   * the whole log, or nothing when the signal came first.
   */
  async *read(
    run: string,
    { from, attempt: ofAttempt, only = false }: LogPosition,
    signal: AbortSignal,
  ): AsyncGenerator<LogFrame | "caught-up", StoredLog | undefined> {
    let position = from;
    let read = ofAttempt;
    for await (const view of this.#options.runs.follow(run, signal)) {
      if (view.times.settledAt !== undefined) {
        const kept = keptOf(view).filter(({ attempt }) => (only ? attempt === read : attempt >= (read ?? attempt)));
        for (const one of read === undefined ? kept.slice(-1) : kept)
          yield* this.#kept(view, one, read === undefined || one.attempt === read ? position : 0);
        yield "caught-up";
        return kept.at(-1)?.log ?? EMPTY;
      }
      for (;;) {
        read ??= this.#attempts(run).at(-1)?.number;
        const attempt = this.#attempts(run).find(({ number }) => number === read);
        const later = only ? undefined : this.#laterThan(run, read);
        if (attempt !== undefined) {
          const isPast = later !== undefined || (only && isOver(attempt));
          const end = isPast ? (attempt.log?.lengthBytes ?? "caught-up") : undefined;
          const address = { agent: attempt.agent, run, attempt: attempt.number };
          for await (const chunk of this.#attempt(address, { position, end, only }, signal)) {
            if (chunk !== "caught-up") position = chunk.offset + chunk.bytes.length;
            if (chunk !== "caught-up" || later === undefined) yield chunk;
          }
          if (only && isPast) return { ...(attempt.log ?? { lengthBytes: position }), complete: position === end };
        } else if (later === undefined) yield "caught-up"; // nobody has it yet: the next change tells
        if (later === undefined) break;
        read = later; // another attempt, another log
        position = 0;
      }
    }
    return undefined;
  }

  /** One attempt's log: to its end, when that is known, else until it is settled or a later one has begun. */
  async *#attempt(
    address: AttemptAddress,
    { position, end, only }: { position: number; end: number | "caught-up" | undefined; only: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<LogFrame | "caught-up"> {
    let reached = position;
    if (typeof end === "number" && reached >= end) return yield "caught-up";
    const { run, attempt } = address;
    const isPast = (): boolean =>
      this.#laterThan(run, attempt) !== undefined ||
      (only && this.#attempts(run).some((one) => one.number === attempt && isOver(one)));
    const over = end === undefined ? this.#until(run, isPast, signal) : this.#notForLong(signal);
    try {
      for await (const chunk of this.#live(address, position, over.signal)) {
        yield chunk === "caught-up" ? chunk : { attempt, ...chunk };
        if (chunk !== "caught-up") reached = chunk.offset + chunk.bytes.length;
        if (end !== undefined && (end === chunk || (end !== "caught-up" && reached >= end))) return;
      }
    } finally {
      over.abort();
    }
  }

  /** While it is live, until the signal. */
  async *#live(address: AttemptAddress, from: number, signal: AbortSignal): AsyncGenerator<LogChunk | "caught-up"> {
    const order = new InOrder(from);
    while (!signal.aborted) {
      try {
        yield* this.#caughtUpThenTail(address, order, signal);
      } catch (error) {
        // A consumer broke, with its nats-server perhaps: begin again where we are.
        this.#options.log.debug({ err: error, ...address }, "reading a live log broke and begins again");
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  /** What is stored, then what comes; ends when something was missed on the way. The tail begins first, so that nothing falls between. */
  async *#caughtUpThenTail(
    address: AttemptAddress,
    order: InOrder,
    signal: AbortSignal,
  ): AsyncGenerator<LogChunk | "caught-up"> {
    const { logs } = this.#options;
    const tail = logs.tail(address);
    const stop = (): void => tail.end();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if ((await logs.endOf(address)) > order.position) yield* this.#stored(address, order, signal);
      yield "caught-up";
      for (;;) {
        const chunk = await tail.next(QUIET_MS);
        if (chunk === undefined) return;
        if (chunk === "quiet") {
          // A message may have been lost between two nats-servers without a word.
          if ((await logs.endOf(address)) > order.position) return;
          continue;
        }
        if (chunk.offset > order.position) return;
        const offset = order.position;
        const bytes = order.take(chunk);
        if (bytes !== undefined) yield { offset, bytes };
      }
    } finally {
      signal.removeEventListener("abort", stop);
      tail.end();
    }
  }

  async *#stored(address: AttemptAddress, order: InOrder, signal: AbortSignal): AsyncGenerator<LogChunk> {
    for await (const chunk of this.#options.logs.chunks(address, signal)) {
      if (chunk === "caught-up") return;
      const offset = order.position;
      const bytes = order.take(chunk);
      if (bytes !== undefined) yield { offset, bytes };
    }
  }

  async *#kept({ job, run }: RunView, { attempt, log }: KeptLog, from: number): AsyncGenerator<LogFrame> {
    if (from >= log.lengthBytes) return;
    let offset = from;
    for await (const bytes of await this.#options.artifacts.get(logKey({ job, run, attempt }), from)) {
      yield { attempt, offset, bytes };
      offset += bytes.length;
    }
  }

  /** The attempts of a live run that may have printed something. */
  #attempts(run: string): readonly Attempt[] {
    return this.#options.jobs.find(run)?.run.attempts.filter(({ refusal }) => refusal === undefined) ?? [];
  }

  #laterThan(run: string, attempt: number | undefined): number | undefined {
    return this.#attempts(run).find(({ number }) => attempt !== undefined && number > attempt)?.number;
  }

  /** A signal that comes when the run is settled, when `isDone` says so at a change of it, or with `signal`. */
  #until(run: string, isDone: () => boolean, signal: AbortSignal): AbortController {
    const controller = new AbortController();
    const look = (view: RunView): void => {
      if (view.times.settledAt !== undefined || isDone()) stop();
    };
    const stop = (): void => {
      this.#options.runs.off(run, look);
      signal.removeEventListener("abort", stop);
      controller.abort();
    };
    controller.signal.addEventListener("abort", stop, { once: true });
    signal.addEventListener("abort", stop, { once: true });
    this.#options.runs.on(run, look);
    if (this.#options.runs.isSettled(run) || isDone()) stop();
    if (signal.aborted) stop();
    return controller;
  }

  /** For an attempt that is past: its last bytes may be on their way, but its host may also be gone for ever. */
  #notForLong(signal: AbortSignal): AbortController {
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    const timer = setTimeout(stop, PAST_MS);
    signal.addEventListener("abort", stop, { once: true });
    controller.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
    if (signal.aborted) stop();
    return controller;
  }
}

interface KeptLog {
  readonly attempt: number;
  readonly log: StoredLog;
}

/** The logs of a settled run. */
function keptOf({ attempt, attempts, output }: RunView): readonly KeptLog[] {
  if (attempts === undefined)
    return attempt === undefined || output?.log === undefined ? [] : [{ attempt, log: output.log }];
  return attempts.flatMap(({ number, log }) => (log === undefined ? [] : [{ attempt: number, log }]));
}

function isOver(attempt: Attempt): boolean {
  return attempt.exit !== undefined || isGivenUp(attempt);
}
