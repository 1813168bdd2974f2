/** The parts of runs that are for several hosts: they live as long as the whole. */
export class Parts {
  readonly #of = new Map<string, Set<string>>();
  readonly #wholes = new Map<string, string>();

  add(whole: string, part: string): void {
    const parts = this.#of.get(whole) ?? new Set();
    this.#of.set(whole, parts.add(part));
    this.#wholes.set(part, whole);
  }

  of(whole: string): readonly string[] {
    return [...(this.#of.get(whole) ?? [])];
  }

  /** It is no part any more. */
  remove(part: string): void {
    const whole = this.#wholes.get(part);
    if (whole === undefined) return;
    this.#wholes.delete(part);
    const parts = this.#of.get(whole);
    parts?.delete(part);
    if (parts?.size === 0) this.#of.delete(whole);
  }

  clear(): void {
    this.#of.clear();
    this.#wholes.clear();
  }
}
