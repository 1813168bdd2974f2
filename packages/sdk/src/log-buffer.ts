import type { LogFrame, StoredLog } from "@jobs/core";

/** What a reader of a log gets: bytes; once, that all kept so far was read; at last, how the log ended. */
export type LogItem =
  | { readonly kind: "bytes"; readonly frame: LogFrame }
  | { readonly kind: "caught-up" }
  | { readonly kind: "end"; readonly log: StoredLog };

/** At this many bytes that nobody has read yet the network must wait. */
export const FULL_BYTES = 1024 * 1024;
/** At this many it may go on. */
const DRAINED_BYTES = 256 * 1024;
/** Counted for each frame beside its bytes, so that many tiny ones fill the buffer, too. */
const FRAME_BYTES = 128;

/** Where a reader begins; `only`: of that attempt alone, not of those that follow it. */
export interface LogStart {
  readonly from: number;
  readonly attempt?: number | undefined;
  readonly only?: boolean;
}

/** Stands between a socket and a slow reader: keeps order, drops what came before, tells when it is full. One reader. */
export class LogBuffer {
  readonly #onDrained: () => void;
  readonly #items: LogItem[] = [];
  #sizeBytes = 0;
  #nextOffset: number;
  #attempt: number | undefined;
  #isFull = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor({ from, attempt, onDrained }: LogStart & { readonly onDrained: () => void }) {
    this.#nextOffset = from;
    this.#attempt = attempt;
    this.#onDrained = onDrained;
  }

  /** The offset at which the next frame must begin. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** The attempt whose log the bytes so far are of; undefined before the first. */
  get attempt(): number | undefined {
    return this.#attempt;
  }

  /** True from when it was full until it has drained. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** A frame of a later attempt begins another log. */
  begin(attempt: number): void {
    if (this.#attempt !== undefined && attempt > this.#attempt) this.#nextOffset = 0;
    this.#attempt = Math.max(attempt, this.#attempt ?? 0);
  }

  /** Takes a frame, without the bytes that were taken before. Its offset may be higher than expected: the caller judged that. */
  take({ attempt, offset, bytes }: LogFrame): void {
    this.begin(attempt);
    if (attempt !== this.#attempt) return; // of an attempt that another one has replaced
    const known = Math.max(0, this.#nextOffset - offset);
    if (known >= bytes.length) return;
    const frame = { attempt, offset: offset + known, bytes: bytes.subarray(known) };
    this.#nextOffset = offset + bytes.length;
    this.#sizeBytes += frame.bytes.length + FRAME_BYTES;
    this.#isFull ||= this.#sizeBytes >= FULL_BYTES;
    this.put({ kind: "bytes", frame });
  }

  /** Adds an item behind all bytes that were taken. */
  put(item: LogItem): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Makes the reader fail, once it has read what is there. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  /** The next item; waits for it. Rejects with what {@link fail} was given, or with the reason of the signal. */
  async next(signal?: AbortSignal): Promise<LogItem> {
    for (;;) {
      signal?.throwIfAborted();
      const item = this.#items.shift();
      if (item !== undefined) {
        if (item.kind === "bytes") this.#release(item.frame.bytes.length + FRAME_BYTES);
        return item;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#change(signal);
    }
  }

  #release(bytes: number): void {
    this.#sizeBytes -= bytes;
    if (!this.#isFull || this.#sizeBytes > DRAINED_BYTES) return;
    this.#isFull = false;
    this.#onDrained();
  }

  async #change(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
}
