/** A program that the host's service manager keeps running: it is started again some time after its end. */
import type { SimulatedHost } from "../host/host.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { Process } from "../kernel/process.ts";

interface ProgramOptions {
  readonly name: string;
  readonly host: SimulatedHost;
  /** What the process does; called in it. The signal that it gives ends it in peace. */
  readonly main: (process: Process) => Promise<{ stop(): Promise<void> }>;
}

export class Program {
  readonly name: string;
  readonly host: SimulatedHost;
  process: Process | undefined;
  readonly #kernel: Kernel;
  readonly #main: ProgramOptions["main"];
  #running: { stop(): Promise<void> } | undefined;
  #isEnabled = true;

  constructor(kernel: Kernel, { name, host, main }: ProgramOptions) {
    this.#kernel = kernel;
    this.name = name;
    this.host = host;
    this.#main = main;
  }

  start(delayMs = 0): void {
    const { bootId } = this.host;
    this.#kernel.plan({ delayMs, label: "program starts", owner: undefined }, () => {
      if (this.process !== undefined || !this.#isEnabled || this.host.bootId !== bootId) return;
      const process = new Process(this.#kernel, { name: this.name, host: this.host });
      this.process = process;
      this.#running = undefined;
      process.onEnd(() => this.#ended(process));
      this.#kernel.note(`${this.name} starts as ${process.pid}`);
      process.does("main", () => {
        this.#main(process).then(
          (running) => {
            this.#kernel.note("is up");
            this.#running = running;
          },
          (error: unknown) => {
            this.#kernel.note(`did not start: ${String(error)}`);
            process.does("exit", () => process.kill());
          },
        );
      });
    });
  }

  /** `kill -9`. */
  kill(): void {
    this.process?.kill();
  }

  /** Asks it to end in peace. */
  terminate(): void {
    const { process } = this;
    const running = this.#running;
    if (process === undefined || running === undefined) return this.kill();
    process.does("SIGTERM", () => void running.stop().finally(() => process.does("exit", () => process.kill())));
  }

  /** It is not started again. */
  disable(): void {
    this.#isEnabled = false;
    this.kill();
  }

  #ended(process: Process): void {
    if (this.process === process) this.process = undefined;
    this.#kernel.note(`${this.name} has ended`);
    this.start(this.#kernel.random.between(300, 8_000));
  }
}
