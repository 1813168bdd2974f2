import type { DiskFile } from "../host/disk.ts";
import type { SimulatedHost } from "../host/host.ts";
import type { Event, Owner } from "./event-queue.ts";
import type { Kernel } from "./kernel.ts";

/**
 * A process of the product: a server, an agent, a supervisor, a client.
 *
 *   running ──stop──► stopped ──go on──► running ──kill──► gone
 *
 * What happens to a stopped one waits until it goes on; what was to happen to a killed one never does: its timers, its
 * answers and its promises are gone with it.
 */
export class Process implements Owner {
  readonly name: string;
  readonly pid: number;
  readonly host: SimulatedHost;
  /** Open files by descriptor. */
  readonly files = new Map<number, DiskFile>();
  readonly #kernel: Kernel;
  readonly #onEnd: (() => void)[] = [];
  #backlog: Event[] = [];
  #isAlive = true;
  #isStopped = false;
  #wentOnAtMs = Number.NEGATIVE_INFINITY;

  constructor(kernel: Kernel, { name, host }: { readonly name: string; readonly host: SimulatedHost }) {
    this.#kernel = kernel;
    this.name = name;
    this.host = host;
    this.pid = host.nextPid();
    host.programs.add(this);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isStopped(): boolean {
    return this.#isStopped || this.host.isSuspended;
  }

  /** When it was stopped for the last time, true milliseconds. */
  get wentOnAtMs(): number {
    return this.#wentOnAtMs;
  }

  /** What the machine does when the process is gone, however it ended. */
  onEnd(act: () => void): void {
    this.#onEnd.push(act);
  }

  /** Does something as this process, in a step of its own. */
  does(label: string, act: () => void, delayMs = 0): void {
    this.#kernel.plan({ delayMs, label, owner: this }, act);
  }

  /** An event that came while it stood still. */
  postpone(event: Event): void {
    this.#backlog.push(event);
  }

  stop(): void {
    this.#isStopped = true;
  }

  goOn(): void {
    if (this.#isStopped) this.#wentOnAtMs = this.#kernel.nowMs;
    this.#isStopped = false;
    this.catchUp();
  }

  /** Lets happen what has waited, unless it still stands still. */
  catchUp(): void {
    if (this.isStopped) return;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const event of backlog) {
      if (event.isCancelled) continue;
      this.#kernel.plan({ delayMs: 0, label: event.label, owner: this }, () => {
        if (!event.isCancelled) event.run();
      });
    }
  }

  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.host.programs.delete(this);
    this.#backlog = [];
    for (const act of this.#onEnd) act();
  }
}
