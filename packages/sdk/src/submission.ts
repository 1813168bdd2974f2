/**
 * A submission whose answer was lost may have been accepted. So each carries an idempotency key and is sent again, with
 * the same key, until there is an answer: the server then returns the run it made the first time.
 */
import { JobsError, type ErrorCode, type OperationInput, type OperationOutput } from "@jobs/core";
import { Backoff, pause } from "./backoff.ts";
import { call } from "./call.ts";
import type { Connection } from "./connection.ts";

/** How long and until when a submission is tried. */
export interface SubmitOptions {
  /** For how long the submission is sent again while no answer comes, milliseconds; 30,000 when left out. */
  readonly timeoutMs?: number;
  /** Ends the tries; the call then rejects with the signal's reason, and the run may or may not exist. */
  readonly signal?: AbortSignal;
}

export const TIMEOUT_MS = 30_000;
/** One try waits no longer than this for its answer, milliseconds: another server may be quicker. */
export const TRY_MS = 10_000;
/** Errors after which nobody knows whether the run was accepted, or that pass by themselves. */
export const REPEATED: ReadonlySet<ErrorCode> = new Set([
  "server-unreachable",
  "no-deciding-server",
  "store-unavailable",
]);

/** What makes a new run: a script, a job's task, or an earlier run that is repeated. */
type Request =
  | { readonly operation: "submitRun"; readonly input: OperationInput<"submitRun"> }
  | { readonly operation: "runJob"; readonly input: OperationInput<"runJob"> }
  | { readonly operation: "rerunRun"; readonly input: OperationInput<"rerunRun"> };

/** Submits once, however often it must be sent. */
export async function submit(
  connection: Connection,
  { operation, input: given }: Request,
  { timeoutMs = TIMEOUT_MS, signal }: SubmitOptions = {},
): Promise<OperationOutput<"submitRun">> {
  const input = keyed(given);
  const request = { operation, input } as Request;
  const giveUpAt = performance.now() + timeoutMs;
  const backoff = new Backoff({ firstMs: 100, lastMs: 2000 });
  for (;;) {
    try {
      const leftMs = Math.max(1, giveUpAt - performance.now());
      return await call(connection, request, { signal, timeoutMs: Math.min(TRY_MS, leftMs) });
    } catch (error) {
      if (!(error instanceof JobsError) || !REPEATED.has(error.code)) throw error;
      const delayMs = backoff.nextDelayMs();
      if (performance.now() + delayMs >= giveUpAt) throw givenUp(error, input.key);
      await pause(delayMs, signal);
    }
  }
}

export function givenUp(error: JobsError, key: string): JobsError {
  const message = `${error.message} It is not known whether the run was accepted: submit again with the key "${key}" to have it once.`;
  return new JobsError(error.code, message, { cause: error, details: { ...error.details, key } });
}

const KEY_BYTES = 16;
/** Random bytes for the next keys: to ask for them costs as much for many as for a few. */
const random = new Uint8Array(256 * KEY_BYTES);
let used = random.length;

/** The submission with its key: a random one when it has none. Throws `invalid-request` when it is no object. */
export function keyed<Input extends Request["input"]>(given: Input): Input & { readonly key: string } {
  if (typeof given !== "object" || (given as unknown) === null)
    throw new JobsError("invalid-request", "A submission is an object: { name, script, … }.");
  const { key, ...input } = given;
  return { key: key ?? randomKey(), ...input } as Input & { readonly key: string };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** 128 random bits in hex. */
function randomKey(): string {
  if (used === random.length) {
    crypto.getRandomValues(random);
    used = 0;
  }
  let key = "";
  for (const end = used + KEY_BYTES; used < end; used++) key += HEX[random[used]!];
  return key;
}
