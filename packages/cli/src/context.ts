import { JobsError } from "@jobs/core";
import { connect, type JobsClient } from "@jobs/sdk";
import { connectionFilePath, findConnection } from "@jobs/sdk/node";
import type { CliIo } from "./io.ts";
import type { Output } from "./output.ts";

/** Options that every command has. */
export interface GlobalOptions {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

/** What a command works with. */
export interface Context {
  readonly jobs: JobsClient;
  readonly output: Output;
  readonly io: CliIo;
}

/**
 * The client for address and token from, in this order: the options, the environment, the connection file. The file's
 * token goes only to the file's address: it is a secret of that server.
 */
export async function makeContext(options: GlobalOptions, io: CliIo, output: Output): Promise<Context> {
  const url = options.url ?? givenBy(io.env["JOBS_URL"]);
  const token = options.token ?? givenBy(io.env["JOBS_TOKEN"]);
  const path = connectionFilePath(io.env);
  const saved = url === undefined || token === undefined ? await findConnection(path) : undefined;
  const savedToken = url === undefined || url === saved?.url ? saved?.token : undefined;
  const connection = { url: url ?? saved?.url, token: token ?? savedToken };
  if (connection.url === undefined) {
    throw new JobsError("config-invalid", `No server is given: set JOBS_URL, pass --url, or write ${path}.`, {
      field: "url",
    });
  }
  if (connection.token === undefined) {
    const message = `No access token is given for ${connection.url}: set JOBS_TOKEN, pass --token, or write ${path}.`;
    throw new JobsError("config-invalid", message, { field: "token" });
  }
  return { jobs: connect({ url: connection.url, token: connection.token }), output, io };
}

function givenBy(variable: string | undefined): string | undefined {
  return variable === undefined || variable.trim() === "" ? undefined : variable;
}
