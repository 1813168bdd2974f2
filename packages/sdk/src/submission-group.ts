/**
 * Single submissions that are made at once share requests: the first ones go alone, those that come while they are under
 * way go together as soon as one of them is answered. So a lone one waits for nobody, and many cost little each.
 */
import { JobsError, type SubmitInput } from "@jobs/core";
import { requestsOf, tryOnce, type Pending, type Submitted } from "./bulk.ts";
import type { Connection } from "./connection.ts";
import { randomKey, submit, TIMEOUT_MS, TRY_MS, type SubmitOptions } from "./submission.ts";

/** So many requests at once. */
const UNDER_WAY_MAX = 2;

interface Waiting {
  readonly input: SubmitInput & { readonly key: string };
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
  async submit(given: SubmitInput, options: SubmitOptions = {}): Promise<Submitted> {
    const input = { ...given, key: given.key ?? randomKey() };
    if (this.#underWay < UNDER_WAY_MAX)
      return this.#during(() => submit(this.#connection, { operation: "submitRun", input }, options));
    const { signal, timeoutMs = TIMEOUT_MS } = options;
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const giveUpAt = performance.now() + timeoutMs;
      const onAbort = (): void => reject(signal?.reason as Error);
      signal?.addEventListener("abort", onAbort, { once: true });
      const done = <T>(act: (value: T) => void) => {
        return (value: T): void => {
          signal?.removeEventListener("abort", onAbort);
          act(value);
        };
      };
      this.#waiting.push({ input, options, giveUpAt, resolve: done(resolve), reject: done(reject) });
    });
  }

  async #during<T>(act: () => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await act();
    } finally {
      this.#underWay--;
      if (this.#waiting.length > 0) void this.#during(() => this.#sendWaiting());
    }
  }

  /** All that wait, as far as they fit into one request; the others wait on. */
  async #sendWaiting(): Promise<void> {
    const waiting = this.#waiting.filter(({ options }) => options.signal?.aborted !== true);
    const [inputs = []] = requestsOf(waiting.map(({ input }) => input));
    this.#waiting = waiting.slice(inputs.length);
    const group = waiting.slice(0, inputs.length);
    const pending = group.map((one): Pending => ({ input: one.input, settle: (result) => settle(one, result) }));
    try {
      const left = await tryOnce(this.#connection, pending, { signal: undefined, timeoutMs: TRY_MS });
      // From here each goes its own way, for as long as it was given.
      for (const [at, one] of group.entries()) if (left.pending.includes(pending[at]!)) this.#again(one);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  #again({ input, options, giveUpAt, resolve, reject }: Waiting): void {
    const timeoutMs = Math.max(1, giveUpAt - performance.now());
    submit(this.#connection, { operation: "submitRun", input }, { ...options, timeoutMs }).then(resolve, reject);
  }
}

function settle({ resolve, reject }: Waiting, result: Submitted | JobsError): void {
  if (result instanceof JobsError) reject(result);
  else resolve(result);
}
