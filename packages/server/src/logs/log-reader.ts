/**
 * Reads the log of a run's attempt from any offset to its end, in order and gapless, wherever its bytes are by now:
 * in LOGS while the run lives, in the artifact store once it is settled. It never holds more than a few chunks.
 */
import type { LogFrame, RunView, StoredLog } from "@jobs/core";
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

/** Where a reader goes on: an offset in the log of an attempt; of the current one when none is named. */
export interface LogPosition {
  readonly from: number;
  readonly attempt?: number | undefined;
}

const AGAIN_MS = 100;
/** After this long without a chunk it is looked whether one was missed, milliseconds. */
const QUIET_MS = 5_000;
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
    { from, attempt: ofAttempt }: LogPosition,
    signal: AbortSignal,
  ): AsyncGenerator<LogFrame | "caught-up", StoredLog | undefined> {
    let position = from;
    let read = ofAttempt;
    for await (const view of this.#options.runs.follow(run, signal)) {
      if (view.times.settledAt !== undefined) {
        yield* this.#kept(view, read === undefined || read === view.attempt ? position : 0);
        yield "caught-up";
        return view.output?.log ?? EMPTY;
      }
      const attempt = this.#attemptOf(run);
      if (attempt === undefined) {
        yield "caught-up";
        continue; // nobody has it yet: the next change tells
      }
      if (read !== undefined && read !== attempt.attempt) position = 0; // another attempt, another log
      read = attempt.attempt;
      const settled = this.#untilSettled(run, signal);
      try {
        for await (const chunk of this.#live({ ...attempt, run }, position, settled.signal)) {
          yield chunk === "caught-up" ? chunk : { attempt: attempt.attempt, ...chunk };
          if (chunk !== "caught-up") position = chunk.offset + chunk.bytes.length;
        }
      } finally {
        settled.abort();
      }
    }
    return undefined;
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

  async *#kept({ job, run, attempt, output }: RunView, from: number): AsyncGenerator<LogFrame> {
    const lengthBytes = output?.log?.lengthBytes ?? 0;
    if (attempt === undefined || from >= lengthBytes) return;
    let offset = from;
    for await (const bytes of await this.#options.artifacts.get(logKey({ job, run, attempt }), from)) {
      yield { attempt, offset, bytes };
      offset += bytes.length;
    }
  }

  #attemptOf(run: string): { agent: string; attempt: number } | undefined {
    const attempt = this.#options.jobs.find(run)?.run.attempts.at(-1);
    return attempt === undefined || attempt.refusal !== undefined
      ? undefined
      : { agent: attempt.agent, attempt: attempt.number };
  }

  /** A signal that comes when the run is settled, when another attempt takes over, or with `signal`. */
  #untilSettled(run: string, signal: AbortSignal): AbortController {
    const controller = new AbortController();
    const attempt = this.#attemptOf(run);
    const look = (view: RunView): void => {
      if (view.times.settledAt !== undefined || view.attempt !== attempt?.attempt) stop();
    };
    const stop = (): void => {
      this.#options.runs.off(run, look);
      signal.removeEventListener("abort", stop);
      controller.abort();
    };
    controller.signal.addEventListener("abort", stop, { once: true });
    signal.addEventListener("abort", stop, { once: true });
    this.#options.runs.on(run, look);
    const now = this.#options.runs.find(run);
    if (now !== undefined) look(now);
    if (signal.aborted) stop();
    return controller;
  }
}
