/**
 * The door of `@jobs/sdk`: the same names everywhere. A browser gets this file, which needs nothing but a browser; Node
 * gets `node.ts`, by the conditions in package.json.
 */
import type { JobsError, SubmitInput } from "@jobs/core";
import { JobsClient } from "./client.ts";
import type { ConnectOptions } from "./connection.ts";
import type { RunHandle } from "./run-handle.ts";
import type { SubmitOptions } from "./submission.ts";
import { webTransport } from "./web-transport.ts";

export * from "./api.ts";

/**
 * The client of one server. Address and token may be left out in Node: they come from `JOBS_URL` and `JOBS_TOKEN`.
 * Throws `JobsError` `config-invalid` that says what to set.
 *
 * @example
 * const jobs = connect({ url: "https://jobs.example.com", token });
 * const failed = await jobs.listRuns({ state: "failed" });
 */
export function connect(options: ConnectOptions = {}): JobsClient {
  return new JobsClient(options, webTransport);
}

/**
 * Submits a script to run on a host: `connect().submitJob(input)`. Throws as {@link JobsClient.submitJob}, and
 * `config-invalid` when `JOBS_URL` or `JOBS_TOKEN` is missing: in a browser, always use {@link connect}.
 *
 * @example
 * const run = await submitJob({ name: "nightly-backup", script: "./backup.sh", on: "db-1" });
 * for await (const { text } of run.logs()) console.log(text);
 * const { exitCode, sentence } = await run.result();
 */
export async function submitJob(input: SubmitInput, options: SubmitOptions = {}): Promise<RunHandle> {
  return await connect().submitJob(input, options);
}

/** Submits many runs in few requests: `connect().submitJobs(inputs)`. */
export async function submitJobs(
  inputs: readonly SubmitInput[],
  options: SubmitOptions = {},
): Promise<(RunHandle | JobsError)[]> {
  return await connect().submitJobs(inputs, options);
}
