/** Of a line that has no end yet so many characters are kept; a longer one is given in pieces. */
export const LINE_MAX = 64 * 1024;

/** Makes whole lines of pieces of a text; the ends of the lines are taken off. */
export class LineCutter {
  #rest = "";

  /** The lines that a piece completes. */
  take(text: string): string[] {
    const lines = (this.#rest + text).split("\n").map((line) => line.replace(/\r$/, ""));
    this.#rest = lines.pop() ?? "";
    return this.#rest.length > LINE_MAX ? [...lines, ...this.end()] : lines;
  }

  /** What is left at the end of the text, or where another one begins. */
  end(): string[] {
    const rest = this.#rest;
    this.#rest = "";
    return rest === "" ? [] : [rest];
  }
}
