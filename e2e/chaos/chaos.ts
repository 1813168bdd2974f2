/**
 * One chaos run: a whole system of processes, clients, and faults at random for a while; then calm, in which everything
 * must become whole and every accepted run must end; then the rules.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { RunView } from "@jobs/core";
import type { RunHandle } from "@jobs/sdk";
import { countsOf, type Counts } from "./counts.ts";
import { Faults } from "./faults.ts";
import { Ledger } from "./ledger.ts";
import { JOBS, Load } from "./load.ts";
import { findViolations } from "./rules.ts";
import { SeededRandom } from "./seeded-random.ts";
import { startSystem, type ChaosSystem, type ServerPart } from "./system.ts";
import { TakeOvers } from "./take-over.ts";
import { Watcher } from "./watcher.ts";

export interface ChaosOptions {
  readonly nodes: 1 | 3;
  readonly seconds: number;
  /** Decides what is drawn; what comes of it depends on the machine, too. */
  readonly seed: number;
  readonly agents?: number;
  /** The share of faults that hit the deciding server while all else is well, 0 to 1; a tenth by default. */
  readonly takeOverShare?: number;
  /** Keeps marks and logs also when no rule was broken. */
  readonly isKept?: boolean;
  /** Ends the faults before their time: the calm and the rules follow. */
  readonly signal?: AbortSignal;
  /** Each fault, and whatever else happens. */
  readonly log?: (line: string) => void;
  /** Called now and then, and at the end. */
  readonly onCounts?: (counts: Counts) => void;
}

export interface ChaosOutcome {
  readonly violations: readonly string[];
  readonly counts: Counts;
  /** Where marks and logs are; gone when there are no violations. */
  readonly directory: string;
}

const START_LIMIT_MS = 60_000;
/** From the last fault's healing: until everything answers, and until every accepted run has ended and settled. */
const CALM_LIMIT_MS = 90_000;
const COUNTS_MS = 60_000;
/** Logs that are read in the end. */
const LOGS_READ = 200;
const CALL_MS = 10_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const {
    nodes,
    seconds,
    seed,
    agents = 2,
    takeOverShare = 0.1,
    signal,
    log = () => undefined,
    onCounts = () => undefined,
  } = options;
  const random = new SeededRandom(seed);
  const startedAt = performance.now();
  const tell = (line: string): void => log(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s ${line}`);
  const misbehaved: string[] = [];
  const onMisbehaviour = (program: string, what: string): void => {
    tell(`${program} ${what}`);
    misbehaved.push(`${program} ${what}`);
  };
  await using system = await startSystem({ nodes, agents, onMisbehaviour });
  tell(`processes write to ${system.directory}`);
  await system.whole(AbortSignal.timeout(START_LIMIT_MS));
  using watcher = new Watcher(`${system.directory}/marks`);
  const ledger = new Ledger();
  const load = new Load(system, ledger, random.fork());
  const takeOvers = new TakeOvers(system, load, random.fork());
  const faults = new Faults({ system, takeOvers, takeOverShare, random: random.fork(), log: tell });
  const counts = (): Counts => countsOf({ ledger, watcher, load, faults, takeOvers });

  // Not AbortSignal.any() of a timeout: in Node 20 that may be collected before it fires.
  const time = new AbortController();
  const stop = (): void => time.abort();
  signal?.addEventListener("abort", stop);
  const timers = [setTimeout(stop, seconds * 1_000), setInterval(() => onCounts(counts()), COUNTS_MS)];
  try {
    await Promise.all([load.run(time.signal), faults.run(time.signal)]);
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
  tell("calm");
  const calmAt = performance.now();
  const violations: string[] = await calm(system, ledger, AbortSignal.timeout(CALM_LIMIT_MS)).then(
    () => [],
    (error: unknown) => [`not whole after ${CALM_LIMIT_MS / 1_000} s of calm: ${String(error)}`],
  );
  tell(`whole after ${Math.round(performance.now() - calmAt)} ms of calm`);
  for (const { client } of system.servers) for (const view of await listAll(client)) ledger.observe(view);
  const finals = await readFinals(system, ledger);
  const { marks, together } = watcher;
  const { submitted, endings } = ledger;
  const logs = await readLogs(system, finals, random);
  violations.push(
    ...misbehaved,
    ...ledger.complaints,
    ...findViolations({ marks, together, submitted, endings, finals, logs }),
  );
  for (const { job, run, pid } of watcher.alive())
    violations.push(`${job} ${run} is over and its process ${pid} lives`);
  violations.push(...(await runOnceMore(system, load, random)));
  onCounts(counts());
  if (violations.length === 0 && options.isKept !== true) await system.forget();
  return { violations, counts: counts(), directory: system.directory };
}

/** Resolves once every part is well and no server knows a run that has not ended and settled. */
async function calm(system: ChaosSystem, ledger: Ledger, signal: AbortSignal): Promise<void> {
  await system.whole(signal);
  for (const { client, program } of system.servers) {
    for (;;) {
      const open = (await listAll(client)).filter(({ times }) => times.settledAt === undefined);
      for (const view of open) ledger.observe(view);
      if (open.length === 0) break;
      const [first] = open;
      const why = new Error(
        `${program.name} knows ${open.length} runs that go on, as ${first?.run}: ${first?.sentence}`,
      );
      if (signal.aborted) throw why;
      await delay(200);
    }
  }
}

async function listAll(client: ServerPart["client"]): Promise<RunView[]> {
  const all: RunView[] = [];
  for await (const run of client.eachRun({}, { timeoutMs: CALL_MS })) all.push(run);
  return all;
}

/** Each run that was acknowledged or is listed, as one of the servers, each in turn, shows it by its id. */
async function readFinals({ servers }: ChaosSystem, ledger: Ledger): Promise<Map<string, RunView>> {
  const [first] = servers;
  const listed = first === undefined ? [] : await listAll(first.client);
  const ids = new Set([...ledger.acknowledged().keys(), ...listed.map(({ run }) => run)]);
  const finals = new Map<string, RunView>();
  for (const [index, id] of [...ids].entries()) {
    const view = await servers[index % servers.length]?.client
      .getRun(id, { timeoutMs: CALL_MS })
      .catch(() => undefined);
    if (view !== undefined) finals.set(id, view);
  }
  return finals;
}

async function readLogs(
  { servers }: ChaosSystem,
  finals: ReadonlyMap<string, RunView>,
  random: SeededRandom,
): Promise<Map<string, string>> {
  const logs = new Map<string, string>();
  const ran = [...finals.values()].filter(({ output }) => output?.log !== undefined);
  for (const { run } of ran.length <= LOGS_READ ? ran : Array.from({ length: LOGS_READ }, () => random.pick(ran))) {
    logs.set(run, await textOf(await random.pick(servers).client.run(run)));
  }
  return logs;
}

async function textOf(run: RunHandle): Promise<string> {
  let text = "";
  for await (const chunk of run.logs({ live: false, signal: AbortSignal.timeout(CALL_MS) })) text += chunk.text;
  return text;
}

/** Nothing of what happened keeps a job or a host busy for ever: each job runs once more, on each host. */
async function runOnceMore(system: ChaosSystem, load: Load, random: SeededRandom): Promise<string[]> {
  const stuck = JOBS.map(async (job) => {
    const found: string[] = [];
    for (const { agent } of system.hosts) {
      const server = random.pick(system.servers);
      const one = load.newSubmission(job, random, "reject");
      const { run, code } = await load.submit(one, { server, host: agent, timeoutMs: CALL_MS });
      const handle = run === undefined ? undefined : await server.client.run(run);
      const end = await handle?.settled({ signal: AbortSignal.timeout(CALL_MS) }).catch(() => undefined);
      if (end?.reason !== "exit")
        found.push(`${job} does not run on ${agent} any more: ${code ?? handle?.view.sentence}`);
    }
    return found;
  });
  return (await Promise.all(stuck)).flat();
}
