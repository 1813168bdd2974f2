/** The process: the only place that knows of it. */
import { INTERRUPTED, NOT_WRITTEN, READER_GONE } from "./exit-codes.ts";
import { runCli } from "./run-cli.ts";

const interrupt = new AbortController();
process.on("SIGINT", () => {
  if (interrupt.signal.aborted) process.exit(INTERRUPTED); // the second time nothing is waited for
  interrupt.abort(new Error("Interrupted."));
});

// `jobs logs … | head` has read enough: that is no error to talk about.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(READER_GONE);
    if (stream === process.stdout) process.stderr.write(`jobs: The output cannot be written: ${error.message}.\n`);
    process.exit(NOT_WRITTEN);
  });
}

const { stdin, stdout, stderr, env } = process;
process.exitCode = await runCli(process.argv.slice(2), { stdin, stdout, stderr, env, interrupt: interrupt.signal });
// What nobody reads would keep the process; without an interrupt it ends by itself, once all is written.
if (interrupt.signal.aborted) process.exit();
