/** Rules of what is lost: nothing of it runs any more where it ran, and nothing starts beside what a host says it runs. */
import { Beat, type Attempt, type Run } from "@jobs/core";
import type { SimulatedHost } from "../host/host.ts";
import type { AttemptMark } from "../host/process-table.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** What runs, and where. */
export interface Running {
  readonly mark: AttemptMark;
  readonly host: SimulatedHost;
}

/** Until a beat is known to every server, if none lags. */
const KNOWN_AFTER_MS = 8_000;
/** What a host said counts no longer once it was silent for so long. */
const SAID_FOR_MS = 120_000;
/** After it went on, a supervisor needs so long beside the grace. */
const GUARD_MS = 3_000;

interface Said {
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly job: string;
}

export class LossRules {
  readonly #kernel: Kernel;
  readonly #isLagging: () => boolean;
  /** What agents say to be running, without a break: by agent, then by attempt. */
  readonly #said = new Map<string, Map<string, Said>>();
  /** Attempts given up while nobody on the host could end them. */
  readonly #excused = new Set<string>();
  readonly #lost = new Set<string>();
  readonly #beatAtMs = new Map<string, number>();

  /** `isLagging`: true while servers may hear beats late. */
  constructor(kernel: Kernel, options: { readonly isLagging: () => boolean }) {
    this.#kernel = kernel;
    this.#isLagging = options.isLagging;
  }

  onBeat(agent: string, text: string): void {
    const { nowMs } = this.#kernel;
    this.#beatAtMs.set(agent, nowMs);
    const before = this.#said.get(agent);
    const said = new Map<string, Said>();
    for (const { job, run, attempt, isOver } of Beat.parse(JSON.parse(text)).held) {
      const name = `${run}.${attempt}`;
      if (isOver !== true) said.set(name, { job, sinceMs: before?.get(name)?.sinceMs ?? nowMs, lastMs: nowMs });
    }
    this.#said.set(agent, said);
  }

  /** Since its last beat was stored. */
  silentMs(agent: string): number {
    return this.#kernel.nowMs - (this.#beatAtMs.get(agent) ?? 0);
  }

  /** The beats went with their nats-server. */
  onBeatsGone(): void {
    this.#said.clear();
  }

  /** Called with each record. */
  onRecord(run: Run, running: readonly Running[]): void {
    for (const attempt of run.attempts) {
      const name = `${run.run}.${attempt.number}`;
      if (attempt.lost === undefined || this.#lost.has(name)) continue;
      this.#lost.add(name);
      this.#kernel.count("reached: lost");
      this.#kernel.count(`reached: lost, ${attempt.lost.retried === true ? "tried again" : (run.onLost ?? "fail")}`);
      this.#checkGone(name, attempt, running);
    }
  }

  /** A run gets an attempt: no host may be known to run another one of its job. */
  onAssigned(run: Run, running: readonly Running[]): void {
    if (this.#isLagging()) return;
    const decidedAtMs = this.#kernel.namedAtMs.get(run.writeId) ?? this.#kernel.nowMs;
    for (const { mark, host } of running) {
      if (mark.run === run.run && mark.attempt === run.attempts.at(-1)?.number) continue;
      if (run.overlap === "allow" && mark.overlap === "allow") continue;
      const name = `${mark.run}.${mark.attempt}`;
      for (const [agent, said] of this.#said) {
        const { sinceMs, lastMs } = said.get(name) ?? { sinceMs: decidedAtMs, lastMs: 0 };
        if (decidedAtMs - sinceMs < KNOWN_AFTER_MS || decidedAtMs - lastMs > SAID_FOR_MS) continue;
        this.#kernel.fail(
          `run ${run.run} gets an attempt though ${agent} says that ${name} runs, as it does on ${host.name}`,
        );
      }
    }
  }

  /** True if nobody could end the attempt when it was given up: that it runs on is known and told. */
  isExcused({ run, attempt }: Pick<AttemptMark, "run" | "attempt">): boolean {
    return this.#excused.has(`${run}.${attempt}`);
  }

  #checkGone(name: string, { graceMs }: Attempt, running: readonly Running[]): void {
    for (const { mark, host } of running) {
      if (`${mark.run}.${mark.attempt}` !== name) continue;
      if (host.runs(mark) && !host.wasUnguarded(graceMs + GUARD_MS))
        this.#kernel.fail(`attempt ${name} is called lost and runs on ${host.name}`);
      this.#kernel.count("reached: lost while nobody could end it");
      this.#excused.add(name);
    }
  }
}
