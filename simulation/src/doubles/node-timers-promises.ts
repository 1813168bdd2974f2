/** Takes the place of `node:timers/promises`. */
import { startTimer } from "../kernel/globals.ts";

export function setTimeout<T>(
  delayMs: number,
  value?: T,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer as NodeJS.Timeout);
      reject(new DOMException("The operation was aborted", "AbortError"));
    };
    const timer = startTimer(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value as T);
    }, delayMs);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
