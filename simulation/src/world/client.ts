/** Somebody who submits, cancels and asks again, at any server, and remembers what was acknowledged. */
import { JobsError, LOST_AFTER_MIN_MS } from "@jobs/core";
import { scriptOf, type ScriptPlan } from "../host/script-plan.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../kernel/process.ts";
import { SELECTORS } from "./agent-of.ts";
import { DoorBell } from "./door-bell.ts";
import type { Doors } from "./doors.ts";
import type { Rules } from "./rules.ts";

interface Submission {
  readonly name: string;
  readonly on: string | object;
  readonly overlap: string;
  readonly key: string;
  readonly script: string;
  readonly hold?: boolean;
  readonly waitAtMostMs?: number;
  readonly lostAfterMs?: number | null;
  readonly graceMs?: number;
  readonly onLost?: string;
  readonly priority?: number;
  readonly after?: object;
  readonly retry?: object;
  readonly timeoutMs?: number;
}

export interface ClientOptions {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly doors: Doors;
  readonly rules: Rules;
  readonly jobs: readonly string[];
  readonly agents: readonly string[];
  readonly overlaps: readonly string[];
  readonly paceMs: number;
  /** See the scale. */
  readonly hasOutages: boolean;
  /** See the scale. */
  readonly forAll: number;
  readonly isPlain: boolean;
  /** Somebody is there who releases what is held. */
  readonly hasOperator: boolean;
}

/** Nobody asks for more while so many runs live: all that is accepted must end within bounded time. */
const LIVE_MAX = 12;
/** Nobody asks more while so much is not answered: a server asks another one ten times a second. */
const WAITING_MAX = 4;
/** No long one is begun while more live. */
const LONG_MAX = 4;
/** Who gets no answer asks again with the same key, so often. */
const TRIES = 6;

export class Client {
  readonly #options: ClientOptions;
  readonly #bell: DoorBell;
  readonly #submitted: Submission[] = [];
  readonly #known: string[] = [];
  #isOver = false;
  #keys = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#bell = new DoorBell(options);
  }

  start(): void {
    const { kernel, process, paceMs } = this.#options;
    process.does(
      "client",
      () => {
        if (this.#isOver) return;
        if (this.#bell.waiting < WAITING_MAX) void this.#act();
        this.start();
      },
      kernel.random.between(0.1, 2) * paceMs,
    );
  }

  /** Asks for nothing new any more. */
  stop(): void {
    this.#isOver = true;
  }

  async #act(): Promise<void> {
    const { random } = this.#options.kernel;
    if (this.#options.rules.unfinished().length > (this.#options.hasOutages ? LIVE_MAX / 2 : LIVE_MAX)) return;
    const dice = random.unit();
    if (dice < 0.6 || this.#submitted.length === 0) return this.#submit(this.#newSubmission());
    if (dice < 0.75)
      return this.#submit(random.pick(random.chance(0.5) ? this.#submitted.slice(-20) : this.#submitted));
    if (this.#known.length > 0 && (!this.#options.hasOutages || random.chance(0.3)))
      await this.#bell.ask("cancelRun", { run: random.pick(this.#known.slice(-10)) }).catch(() => undefined);
  }

  async #submit(submission: Submission): Promise<void> {
    const { rules, kernel } = this.#options;
    for (let tries = 0; tries < TRIES && !this.#isOver; tries++) {
      try {
        const { run } = (await this.#bell.ask("submitRun", submission)) as { run: { run: string } };
        this.#known.push(run.run);
        return rules.onAcknowledged(run.run, submission.name, submission.key);
      } catch (error) {
        const code = error instanceof JobsError ? error.code : "no-answer";
        kernel.count(`client: ${code}`);
        if (!["no-answer", "no-deciding-server", "store-unavailable", "internal"].includes(code)) return;
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  #newSubmission(): Submission {
    const { kernel, jobs, overlaps, process } = this.#options;
    const { random } = kernel;
    const name = random.pick(jobs);
    const overlap = random.pick(overlaps);
    const submission = {
      name,
      on: this.#target(),
      overlap,
      key: `${process.name}-${++this.#keys}`,
      script: scriptOf(this.#plan(overlap)),
      ...this.#policy(),
    };
    this.#submitted.push(submission);
    return submission;
  }

  /** What else is asked for; mostly nothing. */
  #policy(): Partial<Submission> {
    const { kernel, hasOutages, hasOperator, isPlain } = this.#options;
    const { random } = kernel;
    return {
      ...(hasOperator && random.chance(0.1) ? { hold: true } : {}),
      ...(!isPlain && random.chance(0.3) ? { priority: random.pick([0, 1, 5, 9]) } : {}),
      ...(!isPlain && this.#known.length > 0 && random.chance(0.15) ? { after: this.#after() } : {}),
      ...(random.chance(0.1) ? { waitAtMostMs: Math.floor(random.between(1_000, 60_000)) } : {}),
      ...(random.chance(0.15) ? { retry: this.#retry() } : {}),
      ...(random.chance(0.05) ? { timeoutMs: Math.floor(random.between(1_000, 10_000)) } : {}),
      ...(hasOutages && random.chance(0.85)
        ? {
            lostAfterMs: random.chance(0.9) ? LOST_AFTER_MIN_MS : null,
            graceMs: random.pick([1_000, 3_000, 6_000]),
            onLost: random.pick(["fail", "fail", "retry", "retry", "hold"]),
          }
        : {}),
    };
  }

  #target(): string | object {
    const { kernel, agents, forAll, isPlain } = this.#options;
    const { random } = kernel;
    if (isPlain) return random.pick(agents);
    if (!random.chance(forAll)) return random.chance(0.2) ? { any: random.pick(SELECTORS) } : random.pick(agents);
    const atOnce = random.pick([1, 1, 2, "50%"]);
    return {
      all: random.pick(SELECTORS),
      ...(random.chance(0.7) ? { atOnce } : {}),
      ...(random.chance(0.5) ? { maxFailed: random.pick([0, 1, "40%"]) } : {}),
    };
  }

  #after(): object {
    const { random } = this.#options.kernel;
    const runs = [random.pick(this.#known.slice(-6)), ...(random.chance(0.3) ? [random.pick(this.#known)] : [])];
    return {
      runs: [...new Set(runs)],
      on: random.pick(["completed", "completed", "failed", "ended"]),
      otherwise: random.pick(["skip", "run"]),
    };
  }

  #retry(): object {
    const { random } = this.#options.kernel;
    const delayMs = Math.floor(random.between(0, 20_000));
    const kind = random.pick(["fixed", "exponential"]);
    return { count: random.pick([1, 2, 3]), backoff: { kind, delayMs, jitter: random.pick([0, 0.5]) } };
  }

  #plan(overlap: string): ScriptPlan {
    const { kernel, hasOutages } = this.#options;
    const { random } = kernel;
    const leaves = random.chance(0.12);
    const leavesStuck = random.chance(0.5);
    const isLong = hasOutages && this.#options.rules.unfinished().length < LONG_MAX && random.chance(0.7);
    const shortMs = random.chance(0.5)
      ? random.between(1, 500)
      : random.between(500, random.chance(0.2) ? 120_000 : 15_000);
    const stuckMs = hasOutages ? 300_000 : 90_000;
    return {
      overlap,
      runMs: isLong ? random.between(100_000, 400_000) : shortMs,
      exitCode: random.chance(0.8) ? 0 : 1,
      ...(random.chance(0.05) ? { signal: "SIGSEGV" } : {}),
      ...(random.chance(0.2) ? { output: "some output\n" } : {}),
      ...(random.chance(0.15) ? { ignoresTerm: true } : {}),
      ...(random.chance(0.3) ? { ignoresHangUp: true } : {}),
      ...(leaves
        ? { leavesForMs: leavesStuck ? random.between(10_000, stuckMs) : random.between(10, 60_000), leavesStuck }
        : {}),
    };
  }
}
