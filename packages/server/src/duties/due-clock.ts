/** Tells of each job when its time comes: one timer for all, however many there are. */
import TinyQueue from "tinyqueue";

export interface DueClockOptions {
  readonly nowMs: () => number;
  /** Jobs whose time has come at once. */
  readonly onDue: (jobs: readonly string[]) => void;
}

interface Due {
  readonly job: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** So many entries that count no more are kept, and as many as there are jobs. */
const STALE_MAX = 1_000;
/** No timer is longer: clocks are set, and a timer knows nothing of that. */
const LOOK_AGAIN_MS = 30_000;

export class DueClock {
  readonly #options: DueClockOptions;
  readonly #times = new Map<string, number>();
  /** The earliest first; what {@link #times} says otherwise of by now counts no more. */
  #queue = newQueue();
  #timer: NodeJS.Timeout | undefined;
  #armedForMs = Number.POSITIVE_INFINITY;

  constructor(options: DueClockOptions) {
    this.#options = options;
  }

  /** The next time of a job, in the place of the one that was set before; undefined: it has none. */
  set(job: string, atMs: number | undefined): void {
    if (this.#times.get(job) === atMs) return;
    if (atMs === undefined) return void this.#times.delete(job);
    this.#times.set(job, atMs);
    this.#queue.push({ job, atMs });
    if (this.#queue.length > 2 * this.#times.size + STALE_MAX) this.#forgetStale();
    if (atMs < this.#armedForMs) this.#arm();
  }

  /** Entries that count no more would stay until their time came. */
  #forgetStale(): void {
    this.#queue = newQueue([...this.#times].map(([job, atMs]) => ({ job, atMs })));
  }

  /** How many entries it holds, also such as count no more. */
  get size(): number {
    return this.#queue.length;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#armedForMs = Number.POSITIVE_INFINITY;
    this.#times.clear();
    this.#queue = newQueue();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#queue.peek();
    this.#armedForMs = next?.atMs ?? Number.POSITIVE_INFINITY;
    if (next === undefined) return;
    const inMs = Math.max(0, next.atMs - this.#options.nowMs());
    this.#timer = setTimeout(() => this.#ring(), Math.min(inMs, LOOK_AGAIN_MS));
  }

  #ring(): void {
    const nowMs = this.#options.nowMs();
    const due: string[] = [];
    for (let next = this.#queue.peek(); next !== undefined && next.atMs <= nowMs; next = this.#queue.peek()) {
      this.#queue.pop();
      if (this.#times.get(next.job) !== next.atMs) continue;
      this.#times.delete(next.job);
      due.push(next.job);
    }
    if (due.length > 0) this.#options.onDue(due);
    this.#arm();
  }
}

function newQueue(entries: Due[] = []): TinyQueue<Due> {
  return new TinyQueue<Due>(entries, (one, other) => one.atMs - other.atMs);
}
