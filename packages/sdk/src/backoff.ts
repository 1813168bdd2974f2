/** Pauses that double from `firstMs` to `lastMs`, each shortened by chance so that many clients do not come at once. */
export class Backoff {
  readonly #firstMs: number;
  readonly #lastMs: number;
  #nextMs: number;

  constructor({ firstMs, lastMs }: { readonly firstMs: number; readonly lastMs: number }) {
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
    this.#nextMs = firstMs;
  }

  /** The pause before the next try, milliseconds. */
  nextDelayMs(): number {
    const delayMs = this.#nextMs * (0.5 + Math.random() / 2);
    this.#nextMs = Math.min(this.#lastMs, this.#nextMs * 2);
    return delayMs;
  }

  /** Begins again with the shortest pause. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}

/** Waits; rejects with the signal's reason when it aborts first. */
export async function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
