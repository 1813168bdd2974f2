/** A host with an agent on it, and the supervisor that the agent starts. */
import { startAgent } from "@jobs/agent";
import { Supervisor } from "@jobs/agent/testing";
import type { Disk } from "../host/disk.ts";
import type { SimulatedHost } from "../host/host.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { Process } from "../kernel/process.ts";
import { labelsOf } from "./agent-of.ts";
import { Program } from "./program.ts";

const STATE_DIR = "/state";

interface SiteOptions {
  /** The agent's id. */
  readonly id: string;
  readonly slots: number;
  readonly onRestored: (host: SimulatedHost) => void;
}

export class Site {
  readonly host: SimulatedHost;
  readonly agent: Program;
  supervisor: Process | undefined;
  /** True once its agent had to give up: another one has its identity. */
  isBroken = false;
  /** True once its disk was set back: what it did since is known to nobody there. */
  wasRestored = false;
  readonly #kernel: Kernel;
  readonly #onRestored: SiteOptions["onRestored"];
  #backup: Disk | undefined;

  constructor(kernel: Kernel, host: SimulatedHost, options: SiteOptions) {
    this.#kernel = kernel;
    this.host = host;
    this.#onRestored = options.onRestored;
    const main = async (process: Process): Promise<{ stop(): Promise<void> }> => {
      const agent = await startAgent({
        nats: { url: "nats://simulated" },
        id: options.id,
        name: options.id,
        stateDir: STATE_DIR,
        slots: options.slots,
        labels: labelsOf(options.id),
        env: { PATH: "/usr/bin" },
      }).catch((error: unknown) => {
        if ((error as { code?: string }).code === "agent-stopped") this.isBroken = true;
        throw error;
      });
      void agent.broken.then(() => {
        this.isBroken = true;
        this.#kernel.count("reached: chain found broken");
        return agent.stop().finally(() => process.does("exit", () => process.kill()));
      });
      return agent;
    };
    this.agent = new Program(kernel, { name: `agent@${host.name}`, host, main });
  }

  start(delayMs = 0): void {
    this.agent.start(delayMs);
    const { random } = this.#kernel;
    // A backup from some time or other.
    this.#kernel.plan({ delayMs: random.between(5_000, 100_000), label: "backup", owner: undefined }, () => {
      this.#backup = this.host.disk.copy();
    });
  }

  /** Starts a supervisor, as the agent asks for; `onExit` gets its exit code. */
  launchSupervisor(stateDir: string, onExit: (code: number) => void): void {
    const { host } = this;
    const process = new Process(this.#kernel, { name: `supervisor@${host.name}`, host });
    process.does(
      "main",
      () => {
        const log = (message: string): void => this.#kernel.note(message);
        const supervisor = new Supervisor({ stateDir, generation: "simulated", environment: {}, log });
        const exit = (code: number): void =>
          process.does("exit", () => {
            onExit(code);
            process.kill();
          });
        supervisor.start().then(
          (isAlone) => {
            if (!isAlone) return exit(0);
            this.supervisor = process;
            host.guardWith(process);
            return void supervisor.stopped.then(() => exit(0));
          },
          (error: unknown) => {
            this.#kernel.note(`the supervisor does not start: ${String(error)}`);
            exit(1);
          },
        );
      },
      this.#kernel.random.between(20, 300),
    );
  }

  /** Power is cut; the host comes up again. */
  reboot(): void {
    this.host.crash();
    this.agent.start(this.#kernel.random.between(1_000, 20_000));
  }

  /** The host comes up with the disk of an earlier time. */
  restore(): void {
    if (this.#backup === undefined) return;
    this.#kernel.count("reached: disk restored");
    this.wasRestored = true;
    this.#onRestored(this.host);
    this.host.crash();
    this.host.disk = this.#backup.copy();
    this.agent.start(this.#kernel.random.between(1_000, 20_000));
  }

  /** Is taken out of service for ever. */
  scrap(): void {
    this.agent.disable();
    this.host.crash();
  }
}

/** The last beat that the host's agent has seen acknowledged, as its disk says. */
export function beatOf({ disk }: SimulatedHost): { readonly session?: string; readonly number: number } {
  const text = disk.find(`${STATE_DIR}/session.json`)?.bytes.toString() ?? '{"number":0}';
  return JSON.parse(text) as { session?: string; number: number };
}
