/** Somebody who gives a job a task and schedules, saves them anew again and again, and takes them away once all is calm. */
import { JobsError, LOST_AFTER_MIN_MS } from "@jobs/core";
import type { SimulatedHost } from "../host/host.ts";
import { scriptOf } from "../host/script-plan.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../kernel/process.ts";
import { DoorBell } from "./door-bell.ts";
import type { Doors } from "./doors.ts";
import { ScheduleEdits } from "./schedule-edits.ts";
import { instantsIn } from "./schedule-instants.ts";

interface PlannerOptions {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly doors: Doors;
  readonly jobs: readonly string[];
  readonly agents: readonly string[];
  readonly serverHosts: readonly SimulatedHost[];
  /** Between two slots; 0: nothing is scheduled. */
  readonly everyMs: number;
  /** Between two edits, about; 0: none. */
  readonly editMs: number;
}

const AGAIN_MS = 1_000;
/** After it is calm: slots that nobody could start are dealt with. */
const REMOVE_AFTER_MS = 150_000;
/** How long before a slot an edit is often made; negative: after it. */
const BEFORE_SLOT_MS = [1_000, 300, 150, 95, 50, 15, 3, -3, -50, -300];
/** Not `allow`: the script says what it is, and the policy may be another by then. */
const OVERLAPS = ["reject", "queue", "queue-latest", "replace"];
/** Nobody asks more while so much is not answered. */
const WAITING_MAX = 4;

export class Planner {
  readonly #options: PlannerOptions;
  readonly #bell: DoorBell;
  readonly #name: string;
  #edits: ScheduleEdits | undefined;
  #isCalm = false;

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#bell = new DoorBell(options);
    this.#name = options.jobs[0] ?? "";
  }

  start(): void {
    const { kernel, everyMs, editMs } = this.#options;
    if (everyMs === 0) return;
    const { random } = kernel;
    const task = this.#task();
    this.#edits = new ScheduleEdits({ random, everyMs });
    const input = {
      name: this.#name,
      task,
      policy: { lostAfterMs: LOST_AFTER_MIN_MS },
      schedules: this.#edits.schedules,
    };
    this.#after(random.between(3_000, 30_000), () => {
      void this.#untilDone(input, () => !this.#isCalm && this.#edits?.schedules === input.schedules);
      if (editMs > 0) this.#editLater();
    });
  }

  calm(): void {
    this.#isCalm = true;
    if (this.#edits === undefined) return;
    this.#after(REMOVE_AFTER_MS, () => void this.#untilDone({ name: this.#name, schedules: [] }, () => true));
  }

  #editLater(): void {
    const { random } = this.#options.kernel;
    const soonMs = random.between(0.1, 2) * this.#options.editMs;
    const delayMs = random.chance(0.3)
      ? random.between(0, 400)
      : random.chance(0.6)
        ? this.#nearSlotMs(soonMs)
        : soonMs;
    this.#after(delayMs, () => {
      if (this.#isCalm) return;
      if (this.#bell.waiting < WAITING_MAX) void this.#edit().catch(() => undefined); // refused, or nobody answers
      this.#editLater();
    });
  }

  /** How long it is from now to a moment before the first slot that comes in `soonMs`, by the clock of some server. */
  #nearSlotMs(soonMs: number): number {
    const { kernel, serverHosts } = this.#options;
    const nowMs = kernel.random.pick(serverHosts).wallMs();
    const slots = (this.#edits?.schedules ?? []).flatMap((one) =>
      instantsIn(one, nowMs + soonMs, nowMs + soonMs + 60_000),
    );
    const nextMs = Math.min(...slots) - nowMs;
    return Number.isFinite(nextMs) ? nextMs - kernel.random.pick(BEFORE_SLOT_MS) : soonMs;
  }

  async #edit(): Promise<void> {
    const { kernel, process } = this.#options;
    const { random } = kernel;
    const name = this.#name;
    if (random.chance(0.07)) return this.#ask("deleteJob", { name });
    const what = this.#edits?.next(process.host.wallMs());
    kernel.count(`planner: ${what}`);
    const policy = { lostAfterMs: LOST_AFTER_MIN_MS, overlap: random.pick(OVERLAPS), queueLimit: 3 };
    await this.#ask("saveJob", {
      name,
      // Always, as the job may be gone.
      task: this.#task(),
      ...(random.chance(0.2) ? { policy } : {}),
      schedules: this.#edits?.schedules,
    });
  }

  #task(): object {
    const { kernel, agents, everyMs } = this.#options;
    const { random } = kernel;
    const script = scriptOf({ overlap: "reject", runMs: random.between(10, everyMs * 1.5), exitCode: 0 });
    return { script, on: random.pick(agents) };
  }

  async #ask(operation: "saveJob" | "deleteJob", input: object): Promise<void> {
    await this.#bell.ask(operation, input);
    this.#options.kernel.count(`planner: ${operation}`);
  }

  async #untilDone(input: object, isWanted: () => boolean): Promise<void> {
    while (isWanted()) {
      try {
        return await this.#ask("saveJob", input);
      } catch (error) {
        if (error instanceof JobsError && error.code === "job-unknown") return; // there is nothing to take away
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  #after(delayMs: number, act: () => void): void {
    this.#options.process.does("planner", act, delayMs);
  }
}
