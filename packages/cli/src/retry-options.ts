/** The options of the command line that say when a run is tried again, and how long an attempt may take; see `docs/retries.md`. */
import { JobsError } from "@jobs/core";
import type { PolicySettings } from "@jobs/sdk";
import { Option } from "commander";
import { durationMsOf, limitMsOf } from "./duration.ts";
import { given, madeOf, numberOf } from "./given.ts";

type Retry = NonNullable<PolicySettings["retry"]>;
type On = NonNullable<Retry["on"]>;

/** As the command line gives them. */
export interface RetryOptions {
  readonly retries?: string;
  readonly retryOnExit?: string;
  readonly retryOnSignal?: string;
  readonly retryOn?: string;
  readonly backoff?: string;
  readonly jitter?: string;
  readonly timeout?: string;
  readonly silence?: string;
}

export function retryOptions(): Option[] {
  return [
    new Option("--retries <number>", "so many tries after one that failed"),
    new Option("--retry-on-exit <codes>", "only after these exit codes, e.g. 75,111"),
    new Option("--retry-on-signal <signals>", "only after these signals, e.g. SIGKILL,SIGSEGV"),
    new Option("--retry-on <reasons>", "only after these ends: exit, signal, timeout, host-restarted, …"),
    new Option("--backoff <time>", "between two tries: 30s; or doubling: 10s..5m"),
    new Option("--jitter <part>", "take up to this part off each of these times, from 0 to 1"),
    new Option("--timeout <time>", "end an attempt that has run for so long; or never"),
    new Option("--silence <time>", "end an attempt that has printed nothing for so long; or never"),
  ];
}

export function triesOf(options: RetryOptions): Pick<PolicySettings, "retry" | "timeoutMs" | "silenceMs"> {
  const { timeout, silence } = options;
  return given({
    retry: retryOf(options),
    timeoutMs: madeOf(timeout, (text) => limitMsOf(text, "timeoutMs")),
    silenceMs: madeOf(silence, (text) => limitMsOf(text, "silenceMs")),
  });
}

function retryOf({ retries, retryOnExit, retryOnSignal, retryOn, backoff, jitter }: RetryOptions): Retry | undefined {
  if (retries === undefined) {
    const others = [retryOnExit, retryOnSignal, retryOn, backoff, jitter];
    if (others.some((one) => one !== undefined)) throw wrong("Say with --retries how often a run is tried again.");
    return undefined;
  }
  const on: On = given({
    exitCodes: madeOf(retryOnExit, (text) => listOf(text).map((code) => numberOf(code, "--retry-on-exit", "retry"))),
    signals: madeOf(retryOnSignal, (text) => listOf(text).map(signalOf)),
    // The server knows which there are, and says so.
    reasons: madeOf(retryOn, listOf) as On["reasons"],
  });
  return {
    count: numberOf(retries, "--retries", "retry"),
    ...(Object.keys(on).length === 0 ? {} : { on }),
    ...(backoff === undefined && jitter === undefined ? {} : { backoff: backoffOf(backoff ?? "10s..5m", jitter) }),
  };
}

function backoffOf(text: string, jitter: string | undefined): NonNullable<Retry["backoff"]> {
  const [first = "", longest, ...more] = text.split("..");
  if (more.length > 0) throw wrong(`--backoff takes a time, or two as in 10s..5m, not "${text}".`);
  const delayMs = durationMsOf(first, "retry");
  const part = given({ jitter: madeOf(jitter, (one) => numberOf(one, "--jitter", "retry")) });
  return longest === undefined
    ? { kind: "fixed", delayMs, ...part }
    : { kind: "exponential", delayMs, maxMs: durationMsOf(longest, "retry"), ...part };
}

function listOf(text: string): string[] {
  return text.split(",").map((one) => one.trim());
}

/** With or without SIG, in any case. */
function signalOf(text: string): string {
  const name = text.toUpperCase();
  return name.startsWith("SIG") ? name : `SIG${name}`;
}

function wrong(message: string): JobsError {
  return new JobsError("invalid-request", message, { field: "retry" });
}
