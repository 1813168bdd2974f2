/**
 * Injects faults at random: kills, stops, restarts, cuts off. One fault a target at a time, several targets at once;
 * every fault heals by itself after a while. Of nats-server never more than a minority of a cluster is away, and the
 * next node's turn comes only when all copies are current again.
 */
import { setTimeout as delay } from "node:timers/promises";
import { replicated } from "../support/replicated.ts";
import { pause } from "./load.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { signalProcess, type ChaosSystem, type HostPart, type ServerPart } from "./system.ts";
import type { TakeOvers } from "./take-over.ts";

interface Fault {
  readonly kind: string;
  /** How long it lasts, milliseconds. */
  readonly lasts: readonly [low: number, high: number];
  inject(): Promise<void> | void;
  heal(): Promise<void> | void;
}

interface Target {
  readonly name: string;
  readonly server?: ServerPart;
  faults(): readonly Fault[];
}

const MAX_AT_ONCE = 4;
/** For a nats-server to start and a cluster to have all copies again, milliseconds. */
const HEAL_LIMIT_MS = 60_000;
const WELL_WITHIN_MS = 30_000;

export class Faults {
  /** How often each kind was injected. */
  readonly counts = new Map<string, number>();
  readonly #system: ChaosSystem;
  readonly #takeOvers: TakeOvers;
  readonly #takeOverShare: number;
  readonly #random: SeededRandom;
  readonly #targets: readonly Target[];
  readonly #active = new Map<Target, Promise<void>>();
  readonly #log: (line: string) => void;

  constructor(options: {
    readonly system: ChaosSystem;
    readonly takeOvers: TakeOvers;
    /** The share of faults that hit the deciding server while all else is well, 0 to 1. */
    readonly takeOverShare: number;
    readonly random: SeededRandom;
    readonly log: (line: string) => void;
  }) {
    const { system, takeOvers, takeOverShare, random, log } = options;
    this.#system = system;
    this.#takeOvers = takeOvers;
    this.#takeOverShare = takeOverShare;
    this.#random = random;
    this.#log = log;
    this.#targets = [
      ...system.servers.map((server) => ({
        name: server.program.name,
        server,
        faults: () => faultsOf("server", server),
      })),
      ...system.hosts.map((host) => ({ name: host.agent, faults: () => faultsOf("agent", host) })),
      ...system.hosts.map((host) => ({ name: `${host.agent}'s supervisor`, faults: () => supervisorFaults(host) })),
      { name: "nats", faults: () => natsFaults(system, random) },
    ];
  }

  /** Goes on until the signal, then waits until every fault has healed. */
  async run(signal: AbortSignal): Promise<void> {
    while (await pause(this.#random.between(50, 800), signal)) {
      if (this.#active.size >= MAX_AT_ONCE) continue;
      if (this.#random.chance(this.#takeOverShare)) await this.#againstTheDeciding();
      else this.#begin(this.#random.pick(this.#targets.filter((target) => !this.#active.has(target))));
    }
    while (this.#active.size > 0) await Promise.all(this.#active.values());
  }

  /** Alone, and with all else well, so that the time of the take-over is that of this fault and no other. */
  async #againstTheDeciding(): Promise<void> {
    await Promise.all(this.#active.values());
    // A server that was started, or a nats-server that went on, a moment ago takes its time.
    const isWell = await this.#system.whole(AbortSignal.timeout(WELL_WITHIN_MS)).then(
      () => true,
      () => false,
    );
    if (!isWell) return;
    const deciding = await this.#system.findDeciding();
    const target = this.#targets.find(({ server }) => server !== undefined && server === deciding);
    const other = this.#system.servers.find((server) => server !== deciding);
    if (target === undefined || other === undefined) return;
    const fault = this.#random.pick(target.faults());
    let injected: () => void = () => undefined;
    const isInjected = new Promise<void>((resolve) => (injected = resolve));
    this.#begin(target, { ...fault, inject: async () => (await fault.inject(), injected()) });
    await isInjected;
    await this.#takeOvers.measure(fault.kind, other);
  }

  #begin(target: Target, fault?: Fault): void {
    const one = fault ?? (target.faults().length === 0 ? undefined : this.#random.pick(target.faults()));
    if (one === undefined) return;
    this.counts.set(one.kind, (this.counts.get(one.kind) ?? 0) + 1);
    this.#log(`${target.name}: ${one.kind}`);
    const lastsMs = this.#random.between(...one.lasts);
    const done = this.#carryOut(one, lastsMs).then(() => {
      this.#active.delete(target);
      this.#log(`${target.name}: healed`);
    });
    this.#active.set(target, done);
  }

  async #carryOut(fault: Fault, lastsMs: number): Promise<void> {
    await fault.inject();
    await delay(lastsMs);
    const late = new AbortController();
    const limit = delay(HEAL_LIMIT_MS, undefined, { signal: late.signal }).then(() => {
      throw new Error(`“${fault.kind}” did not heal within ${HEAL_LIMIT_MS} ms`);
    });
    await Promise.race([fault.heal(), limit]).finally(() => late.abort());
  }
}

function faultsOf(what: "server" | "agent", { program, setGates }: ServerPart | HostPart): readonly Fault[] {
  const start = (): void => program.start();
  return [
    { kind: `${what} killed`, lasts: [0, 1_500], inject: () => program.end("SIGKILL"), heal: start },
    { kind: `${what} restarted`, lasts: [0, 500], inject: () => program.end("SIGTERM"), heal: start },
    {
      kind: `${what} stopped`,
      lasts: [500, 6_000],
      inject: () => program.signal("SIGSTOP"),
      heal: () => program.signal("SIGCONT"),
    },
    {
      kind: `${what} frozen off NATS`,
      lasts: [500, 6_000],
      inject: () => setGates("frozen"),
      heal: () => setGates("open"),
    },
    {
      kind: `${what} deaf to NATS`,
      lasts: [500, 6_000],
      inject: () => setGates("deaf"),
      heal: () => setGates("open"),
    },
    {
      kind: `${what} cut off NATS`,
      lasts: [500, 6_000],
      inject: () => setGates("refused"),
      heal: () => setGates("open"),
    },
  ];
}

function supervisorFaults(host: HostPart): readonly Fault[] {
  const pid = host.findSupervisor();
  if (pid === undefined) return [];
  const kill = (): void => signalProcess(pid, "SIGKILL");
  return [
    { kind: "supervisor killed", lasts: [0, 1_000], inject: kill, heal: () => undefined },
    {
      kind: "supervisor stopped",
      lasts: [500, 5_000],
      inject: () => signalProcess(pid, "SIGSTOP"),
      heal: () => signalProcess(pid, "SIGCONT"),
    },
    {
      kind: "agent and supervisor killed",
      lasts: [0, 3_000],
      inject: async () => {
        // The agent first: it would start the next supervisor at once.
        await host.program.end("SIGKILL");
        kill();
      },
      heal: () => host.program.start(),
    },
  ];
}

function natsFaults({ nats }: ChaosSystem, random: SeededRandom): readonly Fault[] {
  const node = random.pick(nats.nodes);
  const current = (): Promise<void> | void => (nats.nodes.length > 1 ? replicated(nats.urls.join(",")) : undefined);
  const start = async (): Promise<void> => {
    await node.start();
    await current();
  };
  return [
    { kind: "nats killed", lasts: [0, 3_000], inject: () => node.kill("SIGKILL"), heal: start },
    { kind: "nats restarted", lasts: [0, 500], inject: () => node.kill("SIGTERM"), heal: start },
    {
      kind: "nats stopped",
      lasts: [500, 5_000],
      inject: () => node.kill("SIGSTOP"),
      heal: async () => {
        await node.kill("SIGCONT");
        await current();
      },
    },
  ];
}
