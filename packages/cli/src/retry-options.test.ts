import { PolicySettings } from "@jobs/core";
import { expect, test } from "vitest";
import { triesOf, type RetryOptions } from "./retry-options.ts";

test.each<[RetryOptions, ReturnType<typeof triesOf>]>([
  [{}, {}],
  [{ retries: "3" }, { retry: { count: 3 } }],
  [{ retries: "0" }, { retry: { count: 0 } }],
  [
    { retries: "3", retryOnExit: "75, 111", retryOnSignal: "kill,SIGSEGV", retryOn: "timeout,host-restarted" },
    {
      retry: {
        count: 3,
        on: { exitCodes: [75, 111], signals: ["SIGKILL", "SIGSEGV"], reasons: ["timeout", "host-restarted"] },
      },
    },
  ],
  [{ retries: "3", backoff: "30s" }, { retry: { count: 3, backoff: { kind: "fixed", delayMs: 30_000 } } }],
  [
    { retries: "3", backoff: "10s..5m", jitter: "0.5" },
    { retry: { count: 3, backoff: { kind: "exponential", delayMs: 10_000, maxMs: 300_000, jitter: 0.5 } } },
  ],
  [
    { timeout: "1h", silence: "10m" },
    { timeoutMs: 3_600_000, silenceMs: 600_000 },
  ],
  [
    { timeout: "never", silence: "never" },
    { timeoutMs: null, silenceMs: null },
  ],
])("%j is what it says", (options, policy) => {
  expect(triesOf(options)).toEqual(policy);
  if (policy.retry !== undefined) expect(PolicySettings.parse(policy).retry).toEqual(policy.retry);
});

test.each<[RetryOptions, string]>([
  [{ retryOnExit: "75" }, "retry"],
  [{ backoff: "10s" }, "retry"],
  [{ retries: "many" }, "retry"],
  [{ retries: "1", retryOnExit: "75,x" }, "retry"],
  [{ retries: "1", backoff: "soon" }, "retry"],
  [{ retries: "1", backoff: "1s..2s..3s" }, "retry"],
  [{ timeout: "long" }, "timeoutMs"],
  [{ silence: "-1s" }, "silenceMs"],
])("%j is refused, and the field named", (options, field) => {
  expect(() => triesOf(options)).toThrow(expect.objectContaining({ code: "invalid-request", field }) as Error);
});
