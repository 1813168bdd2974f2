/**
 * Many submissions, in few requests. Each carries an idempotency key, and those of which nobody
 * knows what came of them are sent again with it, as a single one is.
 */
import {
  BULK_MAX_RUNS,
  JobsError,
  normaliseJobName,
  REQUEST_MAX_BYTES,
  type SubmitInput,
  type SubmitResult,
} from "@jobs/core";
import { Backoff, pause } from "./backoff.ts";
import { call } from "./call.ts";
import type { Connection } from "./connection.ts";
import { jsonTextOf } from "./json-text.ts";
import { givenUp, keyed, REPEATED, TIMEOUT_MS, type SubmitOptions } from "./submission.ts";

/** What came of one of them. */
export type Submitted = Extract<SubmitResult, { run: unknown }>;

/** A submission of which nobody knows yet what came. */
export interface Pending {
  readonly input: SubmitInput & { readonly key: string };
  /** The same as JSON. */
  readonly text: string;
  /** Takes what came of it. */
  readonly settle: (result: Submitted | JobsError) => void;
}

const ENCODER = new TextEncoder();
/** UTF-16 units. */
const SHORT_LENGTH = 1_000;
/** What is around the submissions in the body, and between them. */
const AROUND_BYTES = 100;
/** Half of what a request may have; two of them at once, so that the server has the next one when it has answered one. */
const REQUEST_MAX_RUNS = BULK_MAX_RUNS / 2;
const UNDER_WAY_MAX = 2;

/** The result of each, in order: its run, or its error. Throws what no submission alone is to blame for, and the signal's reason. */
export async function submitAll(
  connection: Connection,
  inputs: readonly SubmitInput[],
  options: SubmitOptions = {},
): Promise<(Submitted | JobsError)[]> {
  const results: (Submitted | JobsError)[] = [];
  let lost: JobsError | undefined;
  const copies = inputs.map((input) => madeOf(() => keyed(input)));
  let underWay: readonly UnderWay[] = [];
  for (const request of requestsOf(pending())) {
    const jobs = jobsOf(request);
    while (underWay.length >= UNDER_WAY_MAX || underWay.some((one) => mustWait(jobs, one.jobs))) {
      const [first, ...others] = underWay;
      await first?.done;
      underWay = others;
    }
    const done = send(request);
    done.catch(() => undefined); // it is looked at in its turn
    underWay = [...underWay, { jobs, done }];
  }
  for (const { done } of underWay) await done;
  return results;

  function* pending(): Generator<Pending> {
    for (const [at, input] of copies.entries()) {
      const settle = (result: Submitted | JobsError): void => void (results[at] = result);
      const one = input instanceof JobsError ? input : madeOf(() => ({ input, text: jsonTextOf(input), settle }));
      if (one instanceof JobsError) settle(one);
      else yield one;
    }
  }

  async function send(request: readonly Pending[]): Promise<void> {
    // When no server answers any more, the rest is not sent either.
    const left =
      lost === undefined ? await submitRequest(connection, request, options) : { pending: request, error: lost };
    lost ??= left.error;
    for (const { input, settle } of left.pending) settle(givenUp(left.error ?? unsaid(), input.key));
  }
}

/** What is made, or what this one alone is to blame for. */
function madeOf<Made>(make: () => Made): Made | JobsError {
  try {
    return make();
  } catch (error) {
    if (error instanceof JobsError) return error;
    throw error;
  }
}

interface UnderWay {
  readonly jobs: JobsOfRequest;
  readonly done: Promise<void>;
}

/** What a request is about, jobs by their names. */
interface JobsOfRequest {
  /** Those that get a run. */
  readonly named: ReadonlySet<string>;
  /** Those whose latest run is waited for. */
  readonly waitedFor: ReadonlySet<string>;
}

/** The server alone says what is wrong with a submission: whatever is no name is none here. */
function jobsOf(request: readonly Pending[]): JobsOfRequest {
  const namesOf = (given: unknown): string[] =>
    (Array.isArray(given) ? given : [given]).filter((one) => typeof one === "string").map(normaliseJobName);
  return {
    named: new Set(request.flatMap(({ input }) => namesOf(input.name))),
    waitedFor: new Set(request.flatMap(({ input }) => namesOf(input.after?.jobs))),
  };
}

/** So that each job's come in order, and one that waits for a job's latest run finds that which was given before it. */
function mustWait(next: JobsOfRequest, before: JobsOfRequest): boolean {
  return isAny(next.named, before.named) || isAny(next.named, before.waitedFor) || isAny(next.waitedFor, before.named);
}

function isAny(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  return [...some].some((one) => others.has(one));
}

/** Of which submissions nobody knows what came, and why. */
interface Left {
  readonly pending: readonly Pending[];
  /** Absent when there are none. */
  readonly error?: JobsError;
}

/** One request, again with what is not known yet, until all of it is or the time is over. */
async function submitRequest(
  connection: Connection,
  request: readonly Pending[],
  { timeoutMs = TIMEOUT_MS, signal }: SubmitOptions,
): Promise<Left> {
  const giveUpAt = performance.now() + timeoutMs;
  const backoff = new Backoff({ firstMs: 100, lastMs: 2000 });
  for (let pending = request; ;) {
    const limitMs = Math.max(1, giveUpAt - performance.now());
    const left = await tryOnce(connection, pending, { signal, timeoutMs: limitMs });
    const delayMs = backoff.nextDelayMs();
    if (left.error === undefined || performance.now() + delayMs >= giveUpAt) return left;
    pending = left.pending;
    await pause(delayMs, signal);
  }
}

interface TryOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/** One request: settles those of which it is known then what came, and gives the others. */
export async function tryOnce(connection: Connection, pending: readonly Pending[], options: TryOptions): Promise<Left> {
  const answer = await answerOf(connection, pending, options);
  if (answer instanceof JobsError) return { pending, error: answer };
  const left: Pending[] = [];
  let error: JobsError | undefined;
  for (const [at, one] of pending.entries()) {
    const result = resultOf(answer[at]);
    if (result instanceof JobsError && REPEATED.has(result.code)) {
      error = result;
      left.push(one);
    } else one.settle(result);
  }
  return error === undefined ? { pending: [] } : { pending: left, error };
}

async function answerOf(
  connection: Connection,
  pending: readonly Pending[],
  options: TryOptions,
): Promise<readonly SubmitResult[] | JobsError> {
  try {
    const body = `{"runs":[${pending.map(({ text }) => text).join(",")}]}`;
    return (await call(connection, { operation: "submitRuns", body }, options)).results;
  } catch (error) {
    if (error instanceof JobsError && REPEATED.has(error.code)) return error;
    throw error;
  }
}

function resultOf(result: SubmitResult | undefined): Submitted | JobsError {
  if (result !== undefined && "run" in result) return result;
  return JobsError.fromBody(result) ?? unsaid();
}

function unsaid(): JobsError {
  return new JobsError("internal", "The server did not say what came of this submission.");
}

/** In order, so many at once as go into one request. */
export function* requestsOf<One extends { readonly text: string }>(all: Iterable<One>): Generator<readonly One[]> {
  let request: One[] = [];
  let sizeBytes = AROUND_BYTES;
  for (const one of all) {
    const oneBytes = atMostBytes(one.text) + 1;
    if (request.length === REQUEST_MAX_RUNS || (request.length > 0 && sizeBytes + oneBytes > REQUEST_MAX_BYTES)) {
      yield request;
      request = [];
      sizeBytes = AROUND_BYTES;
    }
    request.push(one);
    sizeBytes += oneBytes;
  }
  if (request.length > 0) yield request;
}

/** An upper bound of its size in UTF-8. Short texts are not measured: no UTF-16 unit takes more than three bytes. */
function atMostBytes(text: string): number {
  return text.length <= SHORT_LENGTH ? text.length * 3 : ENCODER.encode(text).length;
}
