import type { LogChunk } from "./log-chunk.ts";

/** What waits for a reader at most, bytes: a slower one reads from the stream, which holds back. */
const WAITING_MAX_BYTES = 1024 * 1024;

/**
 * Chunks of one log as they come. It ends when its reader is too slow, when it may have missed something, or when it is
 * told to; whoever reads it then looks into the stream for what it has not got.
 */
export class LogTail {
  readonly #onEnd: () => void;
  #waiting: LogChunk[] = [];
  #waitingBytes = 0;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  constructor(options: { readonly onEnd: () => void }) {
    this.#onEnd = options.onEnd;
  }

  push(chunk: LogChunk): void {
    if (this.#hasEnded) return;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.bytes.length;
    if (this.#waitingBytes > WAITING_MAX_BYTES) this.end();
    this.#wake?.();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#waiting = [];
    this.#onEnd();
    this.#wake?.();
  }

  /** The next chunk; `"quiet"` when none came for so long; undefined once it has ended. */
  async next(quietMs: number): Promise<LogChunk | "quiet" | undefined> {
    if (this.#waiting.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, quietMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    if (this.#hasEnded) return undefined;
    const chunk = this.#waiting.shift();
    this.#waitingBytes -= chunk?.bytes.length ?? 0;
    return chunk ?? "quiet";
  }
}
