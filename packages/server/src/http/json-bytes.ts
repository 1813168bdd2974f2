/** So many elements of a list at once: some 50 KB of runs. */
const PIECE = 100;

/**
 * An object of plain data as JSON, in UTF-8. Its long lists are written piece by piece: a text of over 128 KiB gets memory of its own
 * from the system, which is given back soon and costs more than the writing.
 */
export function jsonBytes(output: object): Buffer {
  if (!Object.values(output).some((value) => Array.isArray(value) && value.length > PIECE))
    return Buffer.from(JSON.stringify(output));
  return Buffer.concat([...textsOf(output)].map((text) => Buffer.from(text)));
}

function* textsOf(output: object): Generator<string> {
  let before = "{";
  for (const [key, value] of Object.entries(output) as Iterable<[string, unknown]>) {
    if (value === undefined) continue;
    yield `${before}${JSON.stringify(key)}:`;
    if (Array.isArray(value)) yield* piecesOf(value);
    else yield JSON.stringify(value);
    before = ",";
  }
  yield "}";
}

function* piecesOf(list: readonly unknown[]): Generator<string> {
  yield "[";
  for (let from = 0; from < list.length; from += PIECE)
    yield (from === 0 ? "" : ",") + JSON.stringify(list.slice(from, from + PIECE)).slice(1, -1);
  yield "]";
}
