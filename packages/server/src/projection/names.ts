/** Texts that occur again and again, as numbers; a text keeps its number. */
export class Names {
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];

  numberOf(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  /** Above all numbers. */
  get end(): number {
    return this.#texts.length;
  }

  /** Undefined for a text that has none. */
  find(text: string): number | undefined {
    return this.#numbers.get(text);
  }

  textOf(number: number): string {
    return this.#texts[number] ?? "";
  }
}
