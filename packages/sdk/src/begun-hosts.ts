import { JobsError, type HostView, type RunView } from "@jobs/core";
import { Backoff, pause } from "./backoff.ts";
import { call } from "./call.ts";
import type { Connection } from "./connection.ts";
import { isFinal } from "./follow.ts";

/** A host on which a run for several has begun. */
export type BegunHost = HostView & { readonly run: RunView };

interface BegunHostsOptions {
  readonly connection: Connection;
  readonly run: string;
  /** Waits until the run is so. */
  readonly until: (isMet: (view: RunView) => boolean, signal: AbortSignal | undefined) => Promise<RunView>;
  readonly signal: AbortSignal | undefined;
}

/** So much longer than a list takes is waited for the next one: very many hosts are not listed all the time. */
const REST_FACTOR = 10;
const REST_MAX_MS = 1_000;

/**
 * The hosts of a run, each once the run has begun there, until it is settled; none of a run for one host. They are listed
 * after changes of the run alone.
 */
export async function* begunHosts({ connection, run, until, signal }: BegunHostsOptions): AsyncGenerator<BegunHost> {
  const given = new Set<string>();
  for (let seen: RunView | undefined; ;) {
    const view = (seen = await until((now) => now !== seen, signal));
    const { endedAt, settledAt } = view.times;
    const listedAtMs = performance.now();
    const hosts = view.hosts === undefined ? [] : await listHosts(connection, run, signal);
    const restMs = Math.min(REST_MAX_MS, REST_FACTOR * (performance.now() - listedAtMs));
    for (const { agent, name, run: part } of hosts) {
      if (part === undefined || given.has(agent) || !hasBegun(part)) continue;
      given.add(agent);
      yield { agent, name, run: part };
    }
    if (settledAt !== undefined || (endedAt !== undefined && view.hosts === undefined)) return;
    if (hosts.length > 0) await settledWithin(restMs, until, signal);
  }
}

/** Again until there is an answer, as the run is followed. */
async function listHosts(
  connection: Connection,
  run: string,
  signal: AbortSignal | undefined,
): Promise<readonly HostView[]> {
  const backoff = new Backoff({ firstMs: 50, lastMs: 2000 });
  for (;;) {
    try {
      return (await call(connection, { operation: "listHosts", input: { run } }, { signal })).hosts;
    } catch (error) {
      if (!(error instanceof JobsError) || isFinal(error)) throw error;
      await pause(backoff.nextDelayMs(), signal);
    }
  }
}

/** Waits for so long, or until the run is settled. */
async function settledWithin(
  ms: number,
  until: BegunHostsOptions["until"],
  signal: AbortSignal | undefined,
): Promise<void> {
  const rest = AbortSignal.timeout(Math.ceil(ms));
  const either = signal === undefined ? rest : AbortSignal.any([signal, rest]);
  await until(({ times }) => times.settledAt !== undefined, either).catch((error: unknown) => {
    if (error !== rest.reason) throw error;
  });
}

/** It runs, or ran. */
function hasBegun({ state, attempt, times }: RunView): boolean {
  return state === "running" || (times.endedAt !== undefined && attempt !== undefined);
}
