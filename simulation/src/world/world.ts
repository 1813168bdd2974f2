/** A whole installation: NATS, servers, hosts with agents, clients; a rough time, then a calm one. */
import { currentAttempt, hasEnded, type Run } from "@jobs/core";
import { startServer } from "@jobs/server";
import { SimulatedHost } from "../host/host.ts";
import { Kernel } from "../kernel/kernel.ts";
import { self, type Machine } from "../kernel/machine.ts";
import { Process } from "../kernel/process.ts";
import { Cluster } from "../nats/cluster.ts";
import { agentsOf } from "./agent-of.ts";
import { Chaos } from "./chaos.ts";
import { Client } from "./client.ts";
import { Doors } from "./doors.ts";
import { Operator } from "./operator.ts";
import { Planner } from "./planner.ts";
import { Program } from "./program.ts";
import { Rules } from "./rules.ts";
import { drawScale, type Scale } from "./scale.ts";
import { beatOf, Site } from "./site.ts";

/** In a calm time everything that was accepted must have ended within this, true milliseconds. */
const CALM_MS = 4_800_000;
const LOOK_MS = 2_000;
const CLONE = "-clone";
const TOLD = 4;
/** A chain that has gone on by more than one beat is known for another's. */
const BEATS_AHEAD = 2;

interface WorldOptions {
  readonly seed: number;
  /** What is not to be drawn from the seed. */
  readonly scale: Partial<Scale>;
  /** Policies that a submission may ask for at all. */
  readonly overlaps: readonly string[];
}

export class World implements Machine {
  readonly kernel: Kernel;
  readonly cluster: Cluster;
  readonly doors = new Doors();
  readonly rules: Rules;
  readonly servers: readonly Program[];
  readonly scale: Scale;
  readonly #sites: Site[] = [];
  readonly #agents: readonly string[];
  readonly #clients: readonly Client[];
  readonly #operator: Operator;
  readonly #planner: Planner;
  readonly #cloned = new Set<string>();
  #isCalm = false;
  readonly #broken = new Set<string>();

  constructor({ seed, scale: fixed, overlaps: all }: WorldOptions) {
    const kernel = new Kernel(seed);
    this.kernel = kernel;
    this.scale = drawScale(kernel.random, all, fixed);
    const { scale } = this;
    this.rules = new Rules(kernel, {
      hasTrueClocks: !scale.kinds.includes("clock set"),
      hasLag: scale.kinds.some((kind) => kind.includes("lag")),
      isLagging: () => this.cluster.consumers().some((one) => one.lagMs > 0 && one.stream.config.name === "BEATS"),
      servers: () => this.servers.map(({ host }) => host),
    });
    this.cluster = new Cluster(kernel, { size: scale.nodes, observer: this.rules });
    this.servers = range(scale.servers).map((index) => this.#newServer(`server${index}`));
    const agents = range(scale.hosts).map((index) => `host${index}`);
    this.#agents = agents;
    for (const id of agents) this.#sites.push(this.#newSite(this.#newHost(id), id));
    const users = this.#newHost("users");
    this.#clients = range(scale.clients).map((index) => {
      const process = new Process(kernel, { name: `client${index}`, host: users });
      const { doors, rules } = this;
      return new Client({ ...scale, kernel, process, doors, rules, agents, hasOperator: scale.operatorMs > 0 });
    });
    this.#operator = new Operator({
      kernel,
      process: new Process(kernel, { name: "operator", host: users }),
      doors: this.doors,
      rules: this.rules,
      jobs: scale.jobs,
      everyMs: scale.operatorMs,
      agents,
      isAbandoned: this.#isAbandoned,
    });
    this.#planner = new Planner({
      ...scale,
      kernel,
      process: new Process(kernel, { name: "planner", host: users }),
      doors: this.doors,
      agents,
      serverHosts: this.servers.map(({ host }) => host),
    });
  }

  launchSupervisor(stateDir: string, onExit: (code: number) => void): void {
    const agent = self();
    const site = this.#sites.find(({ host }) => host === agent.host);
    site?.launchSupervisor(stateDir, (code) => agent.does("supervisor exited", () => onExit(code)));
  }

  /** Sites whose host was not taken out of service. */
  sites = (): readonly Site[] => this.#sites;

  /**
   * The copy comes up once its original has gone on: one that beats first, while the original is silent or the beats are
   * lost with a lone node, is its host for everybody, and what still runs on the original is not known to it.
   */
  clone = (site: Site): void => {
    const { kernel } = this;
    const name = site.host.name;
    if (this.scale.nodes === 1 || this.#cloned.has(name) || name.endsWith(CLONE)) return;
    this.#cloned.add(name);
    const host = this.#newHost(`${name}${CLONE}`, site.host);
    const copied = beatOf(host);
    const startOnceOld = (): void => {
      if (this.#isCalm || copied.session === undefined) return;
      const { session, number } = beatOf(site.host);
      const isAhead = number >= (session === copied.session ? copied.number + BEATS_AHEAD : BEATS_AHEAD);
      if (!isAhead) return void kernel.after(5_000, "clone waits", startOnceOld);
      const clone = this.#newSite(host, name);
      this.#sites.push(clone);
      kernel.count("reached: host cloned");
      clone.start(kernel.random.between(100, 5_000));
    };
    kernel.after(10_000, "clone waits", startOnceOld);
  };

  lie = (): void => {
    const { kernel, cluster, rules } = this;
    const run = [...rules.live.values()].find(({ state }) => state === "running");
    const attempt = run?.attempts.at(-1);
    const liar = this.#sites
      .map(({ host }) => host.name)
      .find((name) => name !== attempt?.agent && !name.endsWith(CLONE));
    if (run === undefined || attempt === undefined || liar === undefined) return;
    const evidence = {
      v: 1,
      job: run.job,
      run: run.run,
      attempt: attempt.number,
      fence: { epoch: "0", sequence: 0 },
      session: "a lie",
      revision: 1,
      phase: "exited",
      exit: { exitCode: 0 },
      log: { lengthBytes: 0 },
      shippedBytes: 0,
      artifacts: [],
    };
    const bytes = new TextEncoder().encode(JSON.stringify(evidence));
    const subject = `agt.${liar}.evt.${run.run}.${attempt.number}`;
    cluster.publish([{ subject, bytes, headers: undefined, guard: undefined, ttlMs: undefined }], () =>
      kernel.count("reached: a lie"),
    );
  };

  /** Runs all of it; what was broken is in the kernel's `violation`. */
  async live(maxSteps: number): Promise<void> {
    const { kernel, scale } = this;
    for (const server of this.servers) server.start(kernel.random.between(0, 500));
    for (const site of this.#sites) site.start(kernel.random.between(0, 1_000));
    for (const client of this.#clients) client.start();
    this.#operator.start();
    this.#planner.start();
    const chaos = new Chaos(this, { kinds: scale.kinds, everyMs: scale.mishapMs });
    chaos.start();
    await kernel.run(scale.roughMs, maxSteps);
    chaos.stop();
    this.#calm();
    const calmSinceMs = kernel.nowMs;
    const calmUntilMs = calmSinceMs + CALM_MS;
    while (kernel.violation === undefined && kernel.steps < maxSteps && kernel.nowMs < calmUntilMs) {
      await kernel.run(kernel.nowMs + LOOK_MS, maxSteps);
      if (this.#open().length === 0 && [...this.rules.slots.jobs()].length === 0) return this.#checkEnd();
      this.rules.waiting.checkWaits(this.rules.live.values(), calmSinceMs);
    }
    if (kernel.violation === undefined && kernel.steps < maxSteps) this.#failInLimbo();
  }

  /** Accepted runs that must still end: not those whose host has lost its identity or its memory, which an operator has to see to. */
  #open(): readonly string[] {
    for (const { isBroken, wasRestored, host } of this.#sites) if (isBroken || wasRestored) this.#broken.add(host.name);
    return (
      this.rules
        .unfinished()
        .filter((run) => !this.#isAbandoned(run))
        // How long a lost host has to tell the rest is measured on a clock that may have been set back by an hour.
        .filter((run) => !hasEnded(run) || !this.scale.kinds.includes("clock set") || !isGivenUp(run))
        .filter((run) => !this.#isStuck(run))
        .map(
          (run) =>
            `${run.run} ${run.state} ${run.waitingFor ?? ""} on ${agentsOf(run, this.#agents).slice(0, TOLD).join(" or ")}`,
        )
    );
  }

  /** Behind what a lost host was said to run: an operator's word must be younger, by clocks that were set back. */
  #isStuck({ job }: Run): boolean {
    if (!this.scale.kinds.includes("clock set") || this.#broken.size === 0) return false;
    return this.rules.unfinished().some((run) => run.job === job && run.waitingFor === "left-over");
  }

  /** Whoever may have it has lost its identity or its memory. */
  readonly #isAbandoned = (run: Run): boolean => agentsOf(run, this.#agents).every((agent) => this.#broken.has(agent));

  /** Everything is repaired, and nothing new is asked for. */
  #calm(): void {
    const { kernel, cluster } = this;
    kernel.note("CALM");
    this.#isCalm = true;
    for (const client of this.#clients) client.stop();
    this.#operator.calm();
    this.#planner.calm();
    this.rules.slots.calm();
    for (const clone of this.#sites.filter(({ host }) => host.name.endsWith(CLONE))) {
      this.#sites.splice(this.#sites.indexOf(clone), 1);
      clone.scrap();
    }
    for (let node = 0; node < cluster.size; node++) cluster.startNode(node);
    cluster.settle();
    for (const connection of cluster.connections) connection.heal();
    for (const { host, supervisor, agent } of this.#sites) {
      host.resume();
      host.freeStuck();
      supervisor?.goOn();
      agent.process?.goOn();
    }
    for (const server of this.servers) server.process?.goOn();
    // What was left stuck later is freed, too.
    kernel.plan({ delayMs: 100_000, label: "stuck freed", owner: undefined }, () =>
      this.#sites.forEach(({ host }) => host.freeStuck()),
    );
  }

  #checkEnd(): void {
    this.kernel.count("reached: everything ended");
    for (const [run, { job, key }] of this.rules.acknowledged)
      if (!this.rules.finished.has(run) && !this.rules.live.has(run))
        this.kernel.fail(`run ${run} of “${job}” (key ${key}) was acknowledged and is lost`);
  }

  #failInLimbo(): void {
    const open = this.#open();
    this.kernel.fail(`${open.length} runs do not end though all is calm: ${open.slice(0, TOLD).join("; ")}`);
  }

  #newHost(name: string, original?: SimulatedHost): SimulatedHost {
    const { random } = this.kernel;
    return new SimulatedHost(this.kernel, {
      name,
      drift: random.between(-0.0002, 0.0002),
      wallOffsetMs: random.between(-500, 500),
      observer: this.rules,
      ...(original === undefined ? {} : { disk: original.disk.copy() }),
    });
  }

  #newSite(host: SimulatedHost, id: string): Site {
    return new Site(this.kernel, host, {
      id,
      slots: this.scale.slots,
      onRestored: (one) => this.rules.onRestored(one),
    });
  }

  #newServer(name: string): Program {
    const main = (): Promise<{ stop(): Promise<void> }> =>
      startServer({
        nats: { url: "nats://simulated" },
        host: "127.0.0.1",
        port: 0,
        tokens: [],
        secret: "a secret of sixteen",
        artifacts: { directory: "/artifacts" },
      });
    return new Program(this.kernel, { name, host: this.#newHost(name), main });
  }
}

function isGivenUp(run: Run): boolean {
  return run.resolved !== undefined || currentAttempt(run)?.lost !== undefined;
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
