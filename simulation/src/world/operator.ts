/** Somebody who holds, releases, pauses, sets policies and resolves; and who, once all is calm, sees to what only people can. */
import { currentAttempt, hasEnded, isWaiting, LICENCE_MS, LOST_AFTER_MIN_MS, type Run } from "@jobs/core";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../kernel/process.ts";
import { DoorBell, type OperationName } from "./door-bell.ts";
import type { Doors } from "./doors.ts";
import type { Rules } from "./rules.ts";

interface OperatorOptions {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly doors: Doors;
  readonly rules: Rules;
  readonly jobs: readonly string[];
  /** About so long between two acts; 0: none before all is calm. */
  readonly everyMs: number;
  readonly agents: readonly string[];
  /** Every agent that may have it has lost its identity or its memory. */
  readonly isAbandoned: (run: Run) => boolean;
}

const AGAIN_MS = 1_000;
const CALM_EVERY_MS = 5_000;
/** Nobody asks more while so much is not answered: a server asks another one ten times a second. */
const WAITING_MAX = 3;
const READS = ["listOverdue", "getPause", "listAudit", "listRuns", "listAgents"] as const;

export class Operator {
  readonly #options: OperatorOptions;
  readonly #bell: DoorBell;
  readonly #drained = new Set<string>();
  #isCalm = false;

  constructor(options: OperatorOptions) {
    this.#options = options;
    this.#bell = new DoorBell(options);
  }

  start(): void {
    const { kernel, everyMs } = this.#options;
    if (everyMs === 0) return;
    this.#after(kernel.random.between(0.1, 2) * everyMs, () => {
      if (this.#isCalm) return;
      if (this.#bell.waiting < WAITING_MAX) void this.#act().catch(() => undefined); // refused, or nobody answers
      this.start();
    });
  }

  /** From now on only repairs. */
  calm(): void {
    this.#isCalm = true;
    if (this.#bell.waiting === 0) this.#repair();
    this.#after(CALM_EVERY_MS, () => this.calm());
  }

  async #act(): Promise<void> {
    const { kernel, rules, jobs } = this.#options;
    const { random } = kernel;
    const name = random.pick(jobs);
    const live = [...rules.live.values()].filter((run) => !hasEnded(run));
    const dice = random.unit();
    if (dice < 0.25) return this.#onRun("holdRun", live.filter(isWaiting));
    if (dice < 0.5)
      return this.#release(
        live.filter(({ hold }) => hold !== undefined),
        random.unit(),
      );
    if (dice < 0.6) return this.#pause(name);
    if (dice < 0.65) return this.#pauseAll();
    if (dice < 0.68) return this.#drain();
    if (dice < 0.72) return this.#delete(name, live);
    if (dice < 0.8) return void (await this.#ask("saveJob", { name, policy: this.#policy() }));
    if (dice < 0.9)
      return this.#onRun(
        "resolveRun",
        live.filter((run) => this.#isGone(run)),
      );
    await this.#ask(random.pick(READS), {});
  }

  async #onRun(operation: OperationName, runs: readonly Run[]): Promise<void> {
    if (runs.length === 0) return;
    await this.#ask(operation, { run: this.#options.kernel.random.pick(runs).run });
  }

  /** Mostly of a job that has nothing live: any other is refused. */
  async #delete(name: string, live: readonly Run[]): Promise<void> {
    const { random } = this.#options.kernel;
    const idle = this.#options.jobs.filter((job) => live.every((run) => run.job !== job));
    await this.#ask("deleteJob", { name: idle.length > 0 && random.chance(0.85) ? random.pick(idle) : name });
  }

  async #release(held: readonly Run[], at: number): Promise<void> {
    const run = held[Math.floor(at * held.length)];
    if (run === undefined) return;
    this.#options.rules.waiting.onReleaseAsked(run.run);
    await this.#ask("releaseRun", { run: run.run });
  }

  async #pause(name: string): Promise<void> {
    this.#after(this.#pauseMs(), () => void this.#untilDone("resumeJob", { name }));
    await this.#ask("pauseJob", { name });
  }

  async #pauseAll(): Promise<void> {
    this.#after(this.#pauseMs(), () => void this.#untilDone("resumeAll", {}));
    const { paused } = (await this.#ask("pauseAll", {})) as { paused?: object };
    if (paused !== undefined) this.#options.rules.waiting.onAllPaused();
  }

  async #drain(): Promise<void> {
    const { kernel, agents } = this.#options;
    const agent = kernel.random.pick(agents);
    this.#drained.add(agent);
    this.#after(this.#pauseMs(), () => void this.#untilDone("undrainAgent", { agent }));
    await this.#ask("drainAgent", { agent });
  }

  #policy(): object {
    const { random } = this.#options.kernel;
    return {
      lostAfterMs: LOST_AFTER_MIN_MS,
      ...(random.chance(0.3) ? { priority: random.pick([0, 5, 9]) } : {}),
      ...(random.chance(0.3) ? { queueLimit: random.pick([1, 3, 10]) } : {}),
      ...(random.chance(0.3) ? { waitAtMostMs: Math.floor(random.between(5_000, 90_000)) } : {}),
      ...(random.chance(0.3) ? { graceMs: random.pick([1_000, 5_000]) } : {}),
      ...(random.chance(0.3) ? { onLost: random.pick(["fail", "retry", "hold"]) } : {}),
    };
  }

  #pauseMs(): number {
    return this.#options.kernel.random.between(1_000, 30_000);
  }

  /** He has looked: nothing of the run runs on any host; and none will start it, for the agent's licence has lapsed. */
  #isGone(run: Run): boolean {
    const { rules } = this.#options;
    const attempt = currentAttempt(run);
    if (attempt === undefined || rules.isRunning(run)) return false;
    return attempt.startedAt !== undefined || rules.loss.silentMs(attempt.agent) > LICENCE_MS;
  }

  #repair(): void {
    const { rules, agents, isAbandoned: isGivenUp } = this.#options;
    const quietly = (operation: OperationName, input: object): void =>
      void this.#ask(operation, input).catch(() => undefined); // it is tried again
    if (rules.waiting.isAllPaused) quietly("resumeAll", {});
    for (const agent of agents) if (this.#drained.has(agent)) quietly("undrainAgent", { agent });
    for (const name of rules.waiting.pausedJobs) quietly("resumeJob", { name });
    for (const run of rules.unfinished()) {
      const isLost = !hasEnded(run) && currentAttempt(run)?.lost !== undefined;
      const isAbandoned = isGivenUp(run);
      if (run.hold !== undefined) void this.#release([run], 0).catch(() => undefined);
      else if ((isLost || isAbandoned) && this.#isGone(run)) quietly("resolveRun", { run: run.run });
      else if (isAbandoned && isWaiting(run)) quietly("cancelRun", { run: run.run });
    }
  }

  async #untilDone(operation: OperationName, input: object): Promise<void> {
    while (!this.#isCalm) {
      try {
        return void (await this.#ask(operation, input));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  async #ask(operation: OperationName, input: object): Promise<unknown> {
    const answer = await this.#bell.ask(operation, input);
    this.#options.kernel.count(`operator: ${operation}`);
    return answer;
  }

  #after(delayMs: number, act: () => void): void {
    this.#options.process.does("operator", act, delayMs);
  }
}
