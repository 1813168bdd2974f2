/**
 * Single submissions that are made at once share requests: those of one turn of the event loop go together, and so do those
 * that come while requests are under way, as soon as one of these is answered. So a lone one waits for nobody, and many
 * cost little each.
 */
import { JobsError, type SubmitInput } from "@jobs/core";
import { requestsOf, tryOnce, type Pending, type Submitted } from "./bulk.ts";
import { timerMs, unreachable } from "./call.ts";
import type { Connection } from "./connection.ts";
import { jsonTextOf } from "./json-text.ts";
import { givenUp, keyed, submit, TIMEOUT_MS, TRY_MS, type SubmitOptions } from "./submission.ts";

/** So many requests at once. */
const UNDER_WAY_MAX = 2;
/** So long a request is waited for before others are sent, milliseconds. */
const SLOW_MS = 1_000;

interface Waiting {
  readonly input: SubmitInput & { readonly key: string };
  readonly text: string;
  readonly options: SubmitOptions;
  readonly giveUpAt: number;
  readonly resolve: (submitted: Submitted | Promise<Submitted>) => void;
  readonly reject: (error: unknown) => void;
}

export class SubmissionGroup {
  readonly #connection: Connection;
  #waiting: Waiting[] = [];
  #underWay = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** As {@link submit}. */
  submit(given: SubmitInput, options: SubmitOptions = {}): Promise<Submitted> {
    const input = keyed(given);
    const { signal, timeoutMs = TIMEOUT_MS } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const text = jsonTextOf(input); // what cannot be sent is told to this one alone
      const giveUpAt = performance.now() + timeoutMs;
      const onAbort = (): void => reject(signal?.reason as Error);
      signal?.addEventListener("abort", onAbort, { once: true });
      const done = <T>(act: (value: T) => void) => {
        return (value: T): void => {
          signal?.removeEventListener("abort", onAbort);
          act(value);
        };
      };
      this.#waiting.push({ input, text, options, giveUpAt, resolve: done(resolve), reject: done(reject) });
      if (this.#waiting.length === 1) queueMicrotask(() => void this.#sendWaiting());
    });
  }

  /** All that wait, as far as they fit into one request; the others wait on. */
  async #sendWaiting(): Promise<void> {
    for (const one of this.#waiting) if (leftMs(one) <= 1) this.#giveUp(one);
    const waiting = this.#waiting.filter((one) => one.options.signal?.aborted !== true && leftMs(one) > 1);
    this.#waiting = waiting;
    if (waiting.length === 0 || this.#underWay >= UNDER_WAY_MAX) return;
    const [group = []] = requestsOf(waiting);
    this.#waiting = waiting.slice(group.length);
    this.#underWay++;
    if (this.#waiting.length > 0) queueMicrotask(() => void this.#sendWaiting());
    await this.#send(group);
    this.#underWay--;
    // Those who were answered may ask for more at once: let them join.
    if (this.#waiting.length > 0) queueMicrotask(() => void this.#sendWaiting());
  }

  /** Never rejects. A request that is slow, or must be sent again and again, keeps nobody waiting. */
  async #send(group: readonly Waiting[]): Promise<void> {
    const [first, ...others] = group;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isSlow = new Promise<void>((resolve) => (timer = setTimeout(resolve, SLOW_MS)));
    const isDone = first !== undefined && others.length === 0 ? this.#again(first) : this.#together(group);
    await Promise.race([isDone, isSlow]);
    clearTimeout(timer);
  }

  /** Never rejects. */
  async #together(group: readonly Waiting[]): Promise<void> {
    const pending = group.map((one): Pending => ({
      input: one.input,
      text: one.text,
      settle: (result) => settle(one, result),
    }));
    const timers = group.map((one) => setTimeout(() => this.#giveUp(one), timerMs(leftMs(one))));
    try {
      const left = await tryOnce(this.#connection, pending, { signal: undefined, timeoutMs: TRY_MS });
      for (const [at, one] of group.entries()) if (left.pending.includes(pending[at]!)) this.#goOn(one, left.error);
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  /** Its own time is over: those that it shares a request with wait on. */
  #giveUp({ input, options: { timeoutMs = TIMEOUT_MS }, reject }: Waiting): void {
    reject(givenUp(unreachable(this.#connection, `nothing came within ${timeoutMs / 1000} s`), input.key));
  }

  /** From here each goes its own way, for as long as it was given. */
  #goOn(one: Waiting, error: JobsError | undefined): void {
    if (error !== undefined && leftMs(one) <= 1) one.reject(givenUp(error, one.input.key));
    else void this.#again(one);
  }

  /** Never rejects. */
  #again(one: Waiting): Promise<void> {
    const { input, options, resolve, reject } = one;
    const within = { ...options, timeoutMs: leftMs(one) };
    return submit(this.#connection, { operation: "submitRun", input }, within).then(resolve, reject);
  }
}

function leftMs({ giveUpAt }: Waiting): number {
  return Math.max(1, Math.ceil(giveUpAt - performance.now()));
}

function settle({ resolve, reject }: Waiting, result: Submitted | JobsError): void {
  if (result instanceof JobsError) reject(result);
  else resolve(result);
}
