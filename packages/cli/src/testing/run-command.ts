import { Writable } from "node:stream";
import { runCli } from "../run-cli.ts";

interface CommandOptions {
  readonly stdin?: string | AsyncIterable<Uint8Array>;
  readonly env?: Readonly<Record<string, string>>;
  readonly interrupt?: AbortSignal;
  /** Width of the terminal; left out: no terminal. */
  readonly columns?: number;
  /** Sees each write to stdout. */
  readonly onStdout?: (text: string) => void;
}

/** Runs one command line in this process and collects what it prints. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}) {
  const stdout = collector(options.columns, options.onStdout);
  const stderr = collector(options.columns);
  const { stdin = "" } = options;
  const exitCode = await runCli(argv, {
    stdin: typeof stdin === "string" ? bytesOf(stdin) : stdin,
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: { HOME: "/nowhere", ...options.env },
    interrupt: options.interrupt ?? new AbortController().signal,
  });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text(), stdoutBytes: stdout.bytes() };
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

function collector(columns: number | undefined, onWrite?: (text: string) => void) {
  const parts: Buffer[] = [];
  const stream = new Writable({
    write: (part: Buffer, _, done) => {
      parts.push(part);
      onWrite?.(part.toString());
      done();
    },
  });
  const terminal = columns === undefined ? {} : { isTTY: true, columns };
  const bytes = () => Buffer.concat(parts);
  return { stream: Object.assign(stream, terminal), bytes, text: () => bytes().toString() };
}
