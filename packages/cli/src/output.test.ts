import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Output } from "./output.ts";

function outputTo(terminal: { isTTY?: boolean; columns?: number }, env: Record<string, string> = {}) {
  const stdout = Object.assign(new PassThrough(), terminal);
  const interrupt = new AbortController();
  const io = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), env, interrupt: interrupt.signal };
  return {
    output: new Output(io, { json: false }),
    read: () => (stdout.read() as Buffer | null)?.toString() ?? "",
    interrupt,
    stdout,
  };
}

const ROWS = [
  ["a", "long enough to be cut"],
  [{ text: "bb", colour: "red" } as const, "x"],
];

test("columns are aligned, and only a terminal cuts and colours", () => {
  const piped = outputTo({});
  piped.output.table(ROWS);
  expect(piped.read()).toBe("a   long enough to be cut\nbb  x\n");
  const terminal = outputTo({ isTTY: true, columns: 12 });
  terminal.output.table(ROWS);
  expect(terminal.read()).toBe("a   long en…\n\u001B[31mbb\u001B[39m  x\n");
  const plain = outputTo({ isTTY: true, columns: 80 }, { NO_COLOR: "1" });
  plain.output.table(ROWS);
  expect(plain.read()).not.toContain("\u001B");
});

test("characters that take two columns, or none, leave the columns aligned, and are cut where there is no room", () => {
  const rows = [
    ["夜間備份", "x"],
    ["🚀 éa", "x"],
    ["plain", "日本語の文"],
  ];
  const piped = outputTo({});
  piped.output.table(rows);
  expect(piped.read()).toBe("夜間備份  x\n🚀 éa     x\nplain     日本語の文\n");
  const cut = (columns: number): string => {
    const terminal = outputTo({ isTTY: true, columns });
    terminal.output.table([rows[2] ?? []]);
    return terminal.read();
  };
  expect(cut(17)).toBe("plain  日本語の文\n");
  expect(cut(16)).toBe("plain  日本語の…\n");
  expect(cut(15)).toBe("plain  日本語…\n");
  expect(cut(3)).toBe("plain  …\n");
});

test("names of others cannot drive the terminal", () => {
  const { output, read } = outputTo({});
  output.line("\u001B]0;gotcha\u0007 two\nlines");
  expect(read()).toBe("\uFFFD]0;gotcha\uFFFD two lines\n");
});

test("names of others cannot turn the reading direction round", () => {
  const { output, read } = outputTo({});
  output.line("a\u202Ebc\u2066d\u2069\u200E\u200F\u061Ce");
  expect(read()).toBe("abcde\n");
});

test("a tab is shown as spaces, and a return so that it can be seen", () => {
  const { output, read } = outputTo({});
  output.line("+ \tif true; then\r");
  output.line("two\r\n\tlines");
  expect(read()).toBe("+   if true; then␍\ntwo lines\n");
});

test("bytes wait for a slow reader, and an interrupt ends the wait", async () => {
  const { output, stdout, interrupt } = outputTo({});
  const big = Buffer.alloc(stdout.writableHighWaterMark * 4);
  const first = output.bytes(big);
  stdout.read();
  await first;
  const second = output.bytes(big);
  interrupt.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
});

test("while the reader is slow nothing more is written, however many print: one waits for it, the others for that one", async () => {
  const { output, stdout } = outputTo({});
  const listeners = stdout.listenerCount("drain");
  const first = output.bytes(Buffer.alloc(stdout.writableHighWaterMark * 4));
  const held = stdout.writableLength + stdout.readableLength;
  const label = { text: "web-1", colour: "cyan" } as const;
  const others = Array.from({ length: 20 }, (_, n) =>
    n % 2 === 0 ? output.record(n) : output.hostLines(label, [String(n)]),
  );
  expect(stdout.listenerCount("drain")).toBe(listeners + 1);
  await new Promise(setImmediate);
  expect(stdout.writableLength + stdout.readableLength).toBe(held);
  let text = "";
  stdout.on("data", (part: Buffer) => (text += part.toString()));
  await Promise.all([first, ...others]);
  const lines = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? `${n}\n` : `web-1 | ${n}\n`));
  expect(text.replaceAll("\0", "")).toBe(lines.join(""));
});
