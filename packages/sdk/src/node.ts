/** The door of `@jobs/sdk` in Node: as `index.ts`, on Node's transport; and what only Node has. */
import type { JobsError, SubmitInput } from "@jobs/core";
import { JobsClient } from "./client.ts";
import type { ConnectOptions } from "./connection.ts";
import { nodeTransport } from "./node-transport.ts";
import type { RunHandle } from "./run-handle.ts";
import type { SubmitOptions } from "./submission.ts";

export * from "./api.ts";
export { connectionFilePath, findConnection, writeConnection, type SavedConnection } from "./connection-file.ts";

/** The client of one server; its address and token, when left out, are those of `JOBS_URL` and `JOBS_TOKEN`. */
export function connect(options: ConnectOptions = {}): JobsClient {
  return new JobsClient(options, nodeTransport);
}

/** Submits a script to run on a host: `connect().submitJob(input)`. */
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
