/** Values to come, for `for await`, until it is stopped. */
export class Feed<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #wake: (() => void) | undefined;
  #isStopped = false;
  #onStop: () => void = () => undefined;

  push(value: T): void {
    if (this.#isStopped) return;
    this.#waiting.push(value);
    this.#wake?.();
  }

  onStop(act: () => void): void {
    this.#onStop = act;
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#onStop();
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const value = this.#waiting.shift();
      if (value !== undefined) yield value;
      else if (this.#isStopped) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
