/** Runs work one after another within a key, side by side between keys. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** False when what is run now under the key begins at once. */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const done = before === undefined ? work() : before.then(work, work);
    this.#tails.set(key, done);
    const forget = (): void => {
      if (this.#tails.get(key) === done) this.#tails.delete(key);
    };
    void done.then(forget, forget);
    return done;
  }
}
