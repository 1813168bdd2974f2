/** How long nobody decides after a fault of the deciding server: from the fault to the first accepted command elsewhere. */
import { setTimeout as delay } from "node:timers/promises";
import type { Load } from "./load.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { ChaosSystem, ServerPart } from "./system.ts";

export interface TakeOver {
  readonly fault: string;
  readonly tookMs: number;
}

/** Of these nobody waits for a lapse: the job is always free. */
const PROBE_JOB = "chaos-probe";
const TRY_MS = 15_000;
const GIVE_UP_MS = 60_000;
const AGAIN_MS = 20;

export class TakeOvers {
  readonly all: TakeOver[] = [];
  readonly #system: ChaosSystem;
  readonly #load: Load;
  readonly #random: SeededRandom;

  constructor(system: ChaosSystem, load: Load, random: SeededRandom) {
    this.#system = system;
    this.#load = load;
    this.#random = random;
  }

  /** Call it directly after the fault; `other` is a server that is well. */
  async measure(fault: string, other: ServerPart): Promise<void> {
    const from = performance.now();
    const one = this.#load.newSubmission(PROBE_JOB, this.#random, "allow");
    const host = this.#random.pick(this.#system.hosts).agent;
    // What the load submits through its client shares requests, each answered with the last of its submissions.
    const server = { ...other, client: other.connect() };
    for (;;) {
      const { run, at } = await this.#load.submit(one, { server, host, timeoutMs: TRY_MS });
      if (run !== undefined || at - from > GIVE_UP_MS) return void this.all.push({ fault, tookMs: at - from });
      await delay(AGAIN_MS);
    }
  }
}
