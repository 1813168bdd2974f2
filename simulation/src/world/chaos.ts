/** What goes wrong: each mishap happens to somebody at some instant, and ends some time later. */
import type { Kernel } from "../kernel/kernel.ts";
import type { Random } from "../kernel/random.ts";
import type { Cluster } from "../nats/cluster.ts";
import type { Program } from "./program.ts";
import type { Site } from "./site.ts";

/** What there is to break. */
export interface Breakable {
  readonly kernel: Kernel;
  readonly cluster: Cluster;
  readonly servers: readonly Program[];
  /** Those that are up; clones come and go. */
  readonly sites: () => readonly Site[];
  /** A second machine with a copy of this one's disk. */
  readonly clone: (site: Site) => void;
  /** An agent says of another one's attempt that it has ended. */
  readonly lie: () => void;
}

type Mishap = (world: Breakable, random: Random) => void;

const MISHAPS = {
  "server killed": ({ servers }, random) => random.pick(servers).kill(),
  "server restarted": ({ servers }, random) => random.pick(servers).terminate(),
  "server stopped": ({ kernel, servers }, random) => pause(kernel, random.pick(servers), random.between(500, 40_000)),
  "server cut off": (world, random) => cutOff(world, random.pick(world.servers), random.between(500, 60_000)),
  "agent killed": ({ sites }, random) => random.pick(sites()).agent.kill(),
  "agent restarted": ({ sites }, random) => random.pick(sites()).agent.terminate(),
  "agent stopped": ({ kernel, sites }, random) =>
    pause(kernel, random.pick(sites()).agent, random.between(500, 90_000)),
  "agent cut off": (world, random) => cutOff(world, random.pick(world.sites()).agent, random.between(500, 120_000)),
  "supervisor killed": ({ sites }, random) => random.pick(sites()).supervisor?.kill(),
  "supervisor stopped": ({ kernel, sites }, random) => {
    const supervisor = random.pick(sites()).supervisor;
    supervisor?.stop();
    kernel.plan({ delayMs: random.between(200, 80_000), label: "supervisor goes on", owner: undefined }, () =>
      supervisor?.goOn(),
    );
  },
  "host crashed": ({ sites }, random) => random.pick(sites()).reboot(),
  "host suspended": ({ kernel, sites }, random) => {
    const { host } = random.pick(sites());
    host.suspend();
    kernel.plan({ delayMs: random.between(500, 90_000), label: "host resumes", owner: undefined }, () => host.resume());
  },
  "clock set": ({ sites, servers }, random) => {
    const { host } = random.pick([...sites(), ...servers]);
    host.clock.setWall(random.pick([-3_600_000, -60_000, -1_000, 1_000, 60_000, 3_600_000]));
  },
  "disk restored": ({ sites }, random) => random.pick(sites()).restore(),
  "host cloned": ({ sites, clone }, random) => clone(random.pick(sites())),
  "nats node killed": ({ kernel, cluster }, random) => {
    const node = random.below(cluster.size);
    if (Array.from({ length: cluster.size }, (_, one) => one).some((one) => !cluster.isUp(one))) return;
    cluster.killNode(node);
    kernel.plan({ delayMs: random.between(500, 12_000), label: "nats starts", owner: undefined }, () =>
      cluster.startNode(node),
    );
  },
  "nats leader changed": ({ cluster }, random) => {
    if (cluster.size === 3) cluster.changeLeader(random.pick([...cluster.streams.keys(), "KV_jobs"]));
  },
  "nats disk busy": ({ cluster }, random) => {
    cluster.stall(random.pick(["KV_jobs", "HISTORY", "BEATS", "EVENTS", "INBOX"]), random.between(500, 12_000));
  },
  "nats replica lags": ({ kernel, cluster }, random) => {
    for (const consumer of cluster.consumers()) if (random.chance(0.3)) consumer.lagMs = random.between(100, 30_000);
    kernel.plan({ delayMs: random.between(1_000, 40_000), label: "replica catches up", owner: undefined }, () =>
      cluster.consumers().forEach((consumer) => (consumer.lagMs = 0)),
    );
  },
  "nats replica lags for minutes": ({ kernel, cluster }, random) => {
    const name = random.pick(["HISTORY", "KV_jobs"]);
    const lagging = cluster.consumers().filter(({ stream }) => stream.config.name === name);
    for (const consumer of lagging) consumer.lagMs = random.between(150_000, 400_000);
    kernel.plan({ delayMs: random.between(60_000, 400_000), label: "replica catches up", owner: undefined }, () =>
      lagging.forEach((consumer) => (consumer.lagMs = 0)),
    );
  },
  "server lost while others lag": (world, random) =>
    loseWhileOthersLag(world, {
      stream: "KV_jobs",
      lagMs: () => random.between(5_000, 14_000),
      lostAfterMs: random.between(1_000, 5_000),
      forMs: 20_000,
    }),
  // For longer than the marker of a removed run is kept: who decides then knows the run from HISTORY alone.
  "server lost while history lags": (world, random) =>
    loseWhileOthersLag(world, {
      stream: "HISTORY",
      lagMs: () => random.between(300_000, 400_000),
      lostAfterMs: random.between(160_000, 200_000),
      forMs: 400_000,
    }),
  "agent cut off for minutes": (world, random) => cutOff(world, random.pick(world.sites()).agent, minutes(random)),
  "agent stopped for minutes": ({ kernel, sites }, random) =>
    pause(kernel, random.pick(sites()).agent, minutes(random)),
  // Often it is stopped while an acknowledgement is on its way, for less than a licence: then this late word is the first
  // thing that it hears, it has no cause to beat at once, and its next beat does not come through.
  "agent slow, then stopped, then cut off": (world, random) => {
    const { kernel, cluster, sites } = world;
    const { agent } = random.pick(sites());
    const connections = [...cluster.connections].filter(({ owner }) => owner === agent.process);
    for (const connection of connections) connection.slowBackMs = random.between(1_200, 1_950);
    const stoppedForMs = random.between(22_000, 48_000);
    const stopsInMs = random.between(8_000, 30_000);
    kernel.plan({ delayMs: stopsInMs, label: "slow one stops", owner: undefined }, () => {
      for (const connection of connections) connection.slowBackMs = 0;
      pause(kernel, agent, stoppedForMs);
    });
    const cutInMs = stopsInMs + stoppedForMs + random.between(10, 2_000);
    kernel.plan({ delayMs: cutInMs, label: "way is cut", owner: undefined }, () =>
      cutOff(world, agent, minutes(random)),
    );
  },
  "host out of reach": (world, random) => {
    const { kernel, sites } = world;
    const { agent, supervisor } = random.pick(sites());
    const forMs = minutes(random);
    cutOff(world, agent, forMs);
    supervisor?.stop();
    kernel.plan({ delayMs: forMs + random.between(1_000, 60_000), label: "supervisor goes on", owner: undefined }, () =>
      supervisor?.goOn(),
    );
  },
  "host suspended for minutes": ({ kernel, sites }, random) => {
    const { host } = random.pick(sites());
    host.suspend();
    kernel.plan({ delayMs: minutes(random), label: "host resumes", owner: undefined }, () => host.resume());
  },
  "server stopped for minutes": ({ kernel, servers }, random) => pause(kernel, random.pick(servers), minutes(random)),
  "agent lies": (world) => world.lie(),
  "stuck process freed": ({ sites }, random) => random.pick(sites()).host.freeStuck(),
} satisfies Record<string, Mishap>;

export type FaultKind = keyof typeof MISHAPS;

/** Those after which a host may be called lost. */
export const OUTAGE_KINDS = [
  "agent cut off for minutes",
  "agent stopped for minutes",
  "agent slow, then stopped, then cut off",
  "host out of reach",
  "host suspended for minutes",
  "server stopped for minutes",
] as const satisfies readonly FaultKind[];

const OUTAGES: ReadonlySet<string> = new Set(OUTAGE_KINDS);

/** All but outages. */
export const FAULT_KINDS = (Object.keys(MISHAPS) as readonly FaultKind[]).filter((kind) => !OUTAGES.has(kind));

/** Mishaps from now on, about each `everyMs`, until it is stopped. */
export class Chaos {
  readonly #world: Breakable;
  readonly #kinds: readonly FaultKind[];
  readonly #everyMs: number;
  #isOver = false;

  constructor(world: Breakable, options: { readonly kinds: readonly FaultKind[]; readonly everyMs: number }) {
    this.#world = world;
    this.#kinds = options.kinds;
    this.#everyMs = options.everyMs;
  }

  start(): void {
    const { kernel } = this.#world;
    const delayMs = kernel.random.between(0, 2) * this.#everyMs;
    kernel.plan({ delayMs, label: "mishap", owner: undefined }, () => {
      if (this.#isOver) return;
      const kind = kernel.random.pick(this.#kinds);
      kernel.note(`MISHAP ${kind}`);
      kernel.count(`mishap: ${kind}`);
      const mishap: Mishap = MISHAPS[kind];
      if (this.#world.sites().length > 0) mishap(this.#world, kernel.random);
      this.start();
    });
  }

  stop(): void {
    this.#isOver = true;
  }
}

/** Longer than the shortest time after which a run may be called lost. */
function minutes(random: Random): number {
  return random.between(185_000, 330_000);
}

interface LagAndLoss {
  readonly stream: string;
  readonly lagMs: () => number;
  readonly lostAfterMs: number;
  readonly forMs: number;
}

/** What one server was the last to know, the others do not know yet when it is gone. */
function loseWhileOthersLag({ kernel, cluster, servers }: Breakable, lag: LagAndLoss): void {
  const lost = kernel.random.pick(servers);
  const lagging = cluster
    .consumers()
    .filter(({ stream, owner }) => stream.config.name === lag.stream && owner !== lost.process);
  for (const consumer of lagging) consumer.lagMs = lag.lagMs();
  kernel.plan({ delayMs: lag.lostAfterMs, label: "server is lost", owner: undefined }, () => lost.kill());
  kernel.plan({ delayMs: lag.forMs, label: "replica catches up", owner: undefined }, () =>
    lagging.forEach((consumer) => (consumer.lagMs = 0)),
  );
}

function pause(kernel: Kernel, program: Program, forMs: number): void {
  const { process } = program;
  process?.stop();
  kernel.plan({ delayMs: forMs, label: "process goes on", owner: undefined }, () => process?.goOn());
}

function cutOff({ kernel, cluster }: Breakable, { process }: Program, forMs: number): void {
  const connections = [...cluster.connections].filter(({ owner }) => owner === process);
  for (const connection of connections) connection.cut();
  kernel.plan({ delayMs: forMs, label: "way is free", owner: undefined }, () => {
    for (const connection of connections) connection.heal();
  });
}
