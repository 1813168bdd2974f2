import {
  JobName,
  JobsError,
  operations,
  RunId,
  type OperationInput,
  type OperationName,
  type OperationOutput,
} from "@jobs/core";
import type { Connection } from "./connection.ts";
import { jsonTextOf } from "./json-text.ts";

/** How one call may be ended early. */
export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for the answer, milliseconds; 30,000 when left out. */
  readonly timeoutMs?: number | undefined;
}

/** What is asked: an operation with its input, or with the same as JSON where none of it fills the path. */
type Request<N extends OperationName> =
  | { readonly operation: N; readonly input: OperationInput<N> }
  | { readonly operation: N; readonly body: string };

const TIMEOUT_MS = 30_000;

/**
 * Calls one operation of the API: its input fills path, query and body, its output is checked.
 * Throws {@link JobsError} with the server's code; `server-unreachable` when there was no answer, or none from Jobs.
 */
export async function call<N extends OperationName>(
  connection: Connection,
  request: Request<N>,
  options: CallOptions = {},
): Promise<OperationOutput<N>> {
  const { method, path, output } = operations[request.operation];
  const rest: Record<string, unknown> = "body" in request ? {} : { ...request.input };
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest[name];
    delete rest[name];
    return pathPart(name, value);
  });
  const body = "body" in request ? request.body : Object.keys(rest).length > 0 ? jsonTextOf(rest) : undefined;
  const received = await send(connection, method === "POST" ? filled : filled + queryOf(rest), {
    ...options,
    method,
    ...(method === "POST" && body !== undefined ? { body } : {}),
    take: async (response) => parseJson(await response.text()),
  });
  const answer = output.safeParse(received);
  if (!answer.success) {
    const message = `The server's answer to ${request.operation} was not understood: are server and SDK of the same version?`;
    throw new JobsError("internal", message, { cause: answer.error });
  }
  return answer.data as OperationOutput<N>;
}

interface SendOptions<T> extends CallOptions {
  readonly method: string;
  readonly body?: string;
  /** What is taken of the answer within the time; the rest of it has none. */
  readonly take: (response: Response) => T | Promise<T>;
}

/** Sends one authorised request; throws a {@link JobsError} for every answer that is not a success. */
export async function send<T>(connection: Connection, path: string, options: SendOptions<T>): Promise<T> {
  const { method, body, take, signal, timeoutMs = TIMEOUT_MS } = options;
  const timeLimit = new AbortController();
  const timer = setTimeout(() => timeLimit.abort(), timerMs(timeoutMs));
  try {
    const response = await connection.transport.fetch(connection.url + path, {
      method,
      headers: {
        authorization: `Bearer ${connection.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body }),
      signal: signal === undefined ? timeLimit.signal : AbortSignal.any([signal, timeLimit.signal]),
    });
    if (!response.ok) throw await errorOf(connection, response);
    return await take(response);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof JobsError) throw error;
    const why = timeLimit.signal.aborted ? `it did not come within ${timeoutMs / 1000} s` : reasonOf(error);
    throw unreachable(connection, why, error);
  } finally {
    clearTimeout(timer);
  }
}

/** What a timer can wait: one that is to wait longer, or for ever, fires at once. */
export function timerMs(ms: number): number {
  return Math.min(ms, 2 ** 31 - 1);
}

/** The error for a server that gave no answer, or a broken one. */
export function unreachable(connection: Connection, why: string, cause?: unknown): JobsError {
  const message = `No answer from ${connection.url}: ${why}. Is the server running, and is this its address?`;
  return new JobsError("server-unreachable", message, { cause });
}

/** The innermost words of a network error: those of `fetch` itself say nothing. */
export function reasonOf(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  const { code, message } = inner as { code?: unknown; message?: unknown };
  if (typeof message === "string" && message !== "") return message;
  return typeof code === "string" ? code : String(inner);
}

async function errorOf(connection: Connection, response: Response): Promise<JobsError> {
  const text = await response.text();
  const known = JobsError.fromBody(parseJson(text));
  if (known !== undefined) return known;
  const { status } = response;
  if (status === 401 || status === 403) {
    return new JobsError("unauthenticated", `${connection.url} refuses the access token: check JOBS_TOKEN.`);
  }
  if (status >= 502 && status <= 504) return unreachable(connection, `a proxy says ${status}`);
  return new JobsError(
    "internal",
    `${connection.url} answered ${status}, which no Jobs server says: is this its address?`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function pathPart(name: string, value: unknown): string {
  if (name === "name") return jobPart(value);
  const run = RunId.safeParse(value);
  if (run.success) return run.data;
  throw new JobsError("invalid-request", `"${String(value)}" is not the id of a run.`, { field: name });
}

/** Two names would lead elsewhere, however they are encoded; with a space before them they are the same names. */
function jobPart(value: unknown): string {
  const job = JobName.safeParse(value);
  if (job.success) return encodeURIComponent(/^\.\.?$/.test(job.data) ? ` ${job.data}` : job.data);
  throw new JobsError("name-invalid", job.error.issues[0]?.message ?? "It is no name of a job.", { field: "name" });
}

function queryOf(input: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input)) {
    if (Array.isArray(value) && value.length === 0) {
      const message = `\`${name}\` is an empty list, and nothing is in it: leave it out to ask for all.`;
      throw new JobsError("invalid-request", message, { field: name });
    }
    for (const one of [value].flat()) if (one !== undefined) query.append(name, String(one as string | number));
  }
  return query.size === 0 ? "" : `?${query.toString()}`;
}
