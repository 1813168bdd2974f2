/**
 * Reads the log of a run's attempt from any offset to its end, in order and gapless, wherever its bytes are by now:
 * in LOGS while the run lives, in the artifact store once it is settled. It never holds more than a few chunks.
 *
 *   live ──LOGS was read, and may grow──► "caught-up", what comes ──a later attempt has begun──► the rest, then that one
 *     └──────── at any time: the run is settled ──► the rest from the artifact store, the end
 */
import { isGivenUp, type Attempt, type LogEnd, type LogFrame, type RunView, type StoredLog } from "@jobs/core";
import { logKey, type ArtifactStore } from "@jobs/core/artifacts";
import type { LogStore } from "@jobs/core/jetstream";
import type { Logger } from "pino";
import type { JobsProjection } from "../projection/jobs-projection.ts";
import { attemptUnknown, type Runs } from "../projection/runs.ts";
import { LiveLog } from "./live-log.ts";

export interface LogReaderOptions {
  readonly logs: LogStore;
  readonly artifacts: ArtifactStore;
  readonly runs: Runs;
  readonly jobs: JobsProjection;
  readonly log: Logger;
  /** How long the next bytes of an earlier attempt's log are waited for, milliseconds: its host may be gone for ever. */
  readonly patienceMs?: number | undefined;
}

/** Where a reader goes on: an offset in the log of an attempt; of the current one when none is named. The later ones follow it. */
export interface LogPosition {
  readonly from: number;
  readonly attempt?: number | undefined;
  /** The log of that attempt and no other. */
  readonly only?: boolean | undefined;
}

/** Where a reading is. */
interface Place {
  position: number;
  attempt: number | undefined;
  readonly only: boolean;
}

const PATIENCE_MS = 5_000;
const EMPTY: StoredLog = { lengthBytes: 0, complete: true };

export class LogReader {
  readonly #options: LogReaderOptions;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /**
   * Chunks from `from` on, and `"caught-up"` when all that is stored has been given and more may come; returns what is
   * known of the whole log, or nothing when the signal came first. Throws `invalid-request` when the run is over and had
   * no such attempt.
   */
  async *read(
    run: string,
    { from, attempt, only = false }: LogPosition,
    signal: AbortSignal,
  ): AsyncGenerator<LogFrame | "caught-up", StoredLog | undefined> {
    const place: Place = { position: from, attempt, only };
    for await (const view of this.#options.runs.follow(run, signal)) {
      if (view.times.endedAt !== undefined) await this.#assertThere(run, place);
      if (view.times.settledAt !== undefined) return yield* this.#settled(view, place);
      const end = yield* this.#live(run, place, signal);
      if (end !== undefined) return end;
    }
    return undefined;
  }

  /** Throws `invalid-request`. Of very many attempts the oldest are not kept: then the later ones follow. */
  async #assertThere(run: string, { attempt, only }: Place): Promise<void> {
    if (attempt === undefined) return;
    const { attempts } = await this.#options.runs.getRecord(run);
    const isThere = attempts.some(({ number }) => (only ? number === attempt : number >= attempt));
    if (!isThere) throw attemptUnknown(run, attempt);
  }

  async *#settled(view: RunView, { position, attempt: read, only }: Place): AsyncGenerator<LogFrame, StoredLog> {
    const kept = keptOf(view).filter(({ attempt }) => (only ? attempt === read : attempt >= (read ?? attempt)));
    for (const one of read === undefined ? kept.slice(-1) : kept)
      yield* this.#kept(view, one, read === undefined || one.attempt === read ? position : 0);
    return kept.at(-1)?.log ?? EMPTY;
  }

  async *#kept({ job, run }: RunView, { attempt, log }: KeptLog, from: number): AsyncGenerator<LogFrame> {
    if (from >= log.lengthBytes) return;
    let offset = from;
    for await (const bytes of await this.#options.artifacts.get(logKey({ job, run, attempt }), from)) {
      yield { attempt, offset, bytes };
      offset += bytes.length;
    }
  }

  /** Until the run is settled, or nobody has an attempt of it; returns the end of an attempt that is wanted alone. */
  async *#live(
    run: string,
    place: Place,
    signal: AbortSignal,
  ): AsyncGenerator<LogFrame | "caught-up", StoredLog | undefined> {
    const until = this.#until(run, () => false, signal);
    const settled = until.signal;
    try {
      while (!settled.aborted && this.#options.jobs.find(run) !== undefined) {
        place.attempt ??= this.#attempts(run).at(-1)?.number;
        const { attempt: number, position: from } = place;
        const attempt = this.#find(run, number);
        if (attempt !== undefined) {
          const { logs, log } = this.#options;
          const address = { agent: attempt.agent, run, attempt: attempt.number };
          const live = new LiveLog({ logs, address, from, log });
          yield* this.#attempt(live, { run, attempt: attempt.number, only: place.only }, settled);
          place.position = live.position;
          if (settled.aborted) return undefined;
          if (place.only) return endOf(this.#find(run, number)?.log, { from, reached: live.position });
        }
        const later = place.only ? undefined : this.#laterThan(run, number);
        if (later === undefined) {
          yield "caught-up"; // nobody has it yet: the next change tells
          return undefined;
        }
        place.attempt = later; // another attempt, another log
        place.position = 0;
      }
      return undefined;
    } finally {
      until.abort();
    }
  }

  /** An attempt's log until it is past and all of it was read, or `settled`. */
  async *#attempt(live: LiveLog, of: AttemptOf, settled: AbortSignal): AsyncGenerator<LogFrame | "caught-up"> {
    try {
      yield* live.stored(settled);
      while (!settled.aborted && !this.#isPast(of)) {
        yield "caught-up";
        yield* live.coming(this.#until(of.run, () => this.#isPast(of), settled).signal);
        yield* live.stored(settled);
      }
      // Its last bytes may be on their way, but its host may also be gone for ever.
      const { log } = this.#find(of.run, of.attempt) ?? {};
      if (log !== undefined) yield* live.upTo(log.lengthBytes, this.#options.patienceMs ?? PATIENCE_MS, settled);
    } finally {
      live.close();
    }
  }

  /** True once nothing more is printed that will be read: a later one has begun, or it alone is wanted, and over. */
  #isPast({ run, attempt, only }: AttemptOf): boolean {
    if (!only) return this.#laterThan(run, attempt) !== undefined;
    const found = this.#find(run, attempt);
    return found !== undefined && (found.exit !== undefined || isGivenUp(found));
  }

  /** The attempts of a live run that may have printed something. */
  #attempts(run: string): readonly Attempt[] {
    return this.#options.jobs.find(run)?.run.attempts.filter(({ refusal }) => refusal === undefined) ?? [];
  }

  #find(run: string, attempt: number | undefined): Attempt | undefined {
    return this.#attempts(run).find(({ number }) => number === attempt);
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
    if (signal.aborted || this.#options.runs.isSettled(run) || isDone()) stop();
    return controller;
  }
}

interface AttemptOf {
  readonly run: string;
  readonly attempt: number;
  readonly only: boolean;
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

/** Of a log that is still in LOGS: what its host said of it, and whether that was there. */
function endOf(end: LogEnd | undefined, { from, reached }: { from: number; reached: number }): StoredLog {
  const { lengthBytes = 0, sha256 } = end ?? {};
  const readTo = reached > from ? reached : Math.min(from, lengthBytes);
  return {
    ...end,
    lengthBytes: Math.max(lengthBytes, readTo),
    complete: sha256 !== undefined && readTo === lengthBytes,
  };
}
