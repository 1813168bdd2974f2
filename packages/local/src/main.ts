/** The process of `npm start`: the only place that knows of it. */
import { homedir } from "node:os";
import { fileURLToPath } from "node:url";
import { runStart } from "./start/run-start.ts";

const interrupt = new AbortController();
// A Ctrl-C comes twice when npm passes it on as well, so only the first one counts; a stop takes seconds at most.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => interrupt.abort(new Error("Interrupted.")));
// The terminal has gone, or the reader of a pipe: what runs is still to be stopped.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", () => interrupt.abort(new Error("Interrupted.")));

const { stdout, stderr, env } = process;
const exitCode = await runStart(process.argv.slice(2), {
  stdout,
  stderr,
  env,
  cwd: env["INIT_CWD"] ?? process.cwd(),
  root: fileURLToPath(new URL("../../..", import.meta.url)),
  home: homedir(),
  interrupt: interrupt.signal,
});
process.exit(exitCode);
