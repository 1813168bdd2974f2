/** A run that prints numbered lines until a test ends it, and a reader that misses none of them. */
import type { RunHandle } from "@jobs/sdk";
import { expect } from "vitest";

/** Prints numbered lines until the file appears, then a last one, keeps a file, and ends with 7. */
export function counting(until: string): string {
  return `n=0; while [ ! -e ${until} ]; do n=$((n+1)); echo "line $n"; sleep 0.01; done; echo "last $n"; echo kept > $JOBS_OUTPUT/kept.txt; exit 7`;
}

/** Every line from 1 on, once, in order, and the last one. */
export function expectGapless(text: string): void {
  const lines = text.split("\r\n");
  expect(lines.pop()).toBe("");
  const last = lines.pop();
  expect(lines).toEqual(lines.map((_, index) => `line ${index + 1}`));
  expect(last).toBe(`last ${lines.length}`);
}

/** Reads the log of a run and tells when it has reached a number of lines. */
export class LineReader {
  text = "";
  /** Settles with the end of the log. */
  readonly done: Promise<void>;
  #wanted: { readonly lines: number; readonly reached: () => void } | undefined;

  constructor(run: RunHandle) {
    this.done = this.#read(run);
  }

  /** Resolves once that many lines have come; rejects when the log ends before. */
  async lines(count: number): Promise<void> {
    if (this.#count() >= count) return;
    const reached = new Promise<void>((resolve) => (this.#wanted = { lines: count, reached: resolve }));
    const ended = this.done.then(() => {
      if (this.#count() < count) throw new Error(`the log ended before line ${count}`);
    });
    await Promise.race([reached, ended]);
  }

  async more(count: number): Promise<void> {
    await this.lines(this.#count() + count);
  }

  #count(): number {
    return this.text.split("\n").length - 1;
  }

  async #read(run: RunHandle): Promise<void> {
    for await (const chunk of run.logs()) {
      this.text += chunk.text;
      if (this.#wanted !== undefined && this.#count() >= this.#wanted.lines) this.#wanted.reached();
    }
  }
}

/** The run ended as its script says, its log is whole, and its file is kept. */
export async function expectWhole(run: RunHandle, reader: LineReader): Promise<void> {
  await reader.done;
  expectGapless(reader.text);
  expect(await run.result()).toMatchObject({ state: "failed", reason: "exit", exitCode: 7 });
  expect(run.log).toMatchObject({ complete: true, lengthBytes: reader.text.length });
  expect((await run.artifacts()).map(({ name }) => name)).toEqual(["kept.txt"]);
}
