/** The door of `@jobs/cli`: the program as a function. */
export { EXIT_CODES, exitCodeOfRun } from "./exit-codes.ts";
export type { CliIo, OutputStream } from "./io.ts";
export { runCli } from "./run-cli.ts";
