/** Somebody who gives jobs a task and a schedule, and takes the schedule away again once all is calm. */
import { LOST_AFTER_MIN_MS } from "@jobs/core";
import { scriptOf } from "../host/script-plan.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../kernel/process.ts";
import { DoorBell } from "./door-bell.ts";
import type { Doors } from "./doors.ts";

interface PlannerOptions {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly doors: Doors;
  readonly jobs: readonly string[];
  readonly agents: readonly string[];
  /** Between two slots; 0: nothing is scheduled. */
  readonly everyMs: number;
}

const AGAIN_MS = 1_000;
/** After it is calm: slots that nobody could start are dealt with. */
const REMOVE_AFTER_MS = 150_000;

export class Planner {
  readonly #options: PlannerOptions;
  readonly #bell: DoorBell;
  readonly #planned: string[] = [];
  #isCalm = false;

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#bell = new DoorBell(options);
  }

  start(): void {
    const { kernel, process, jobs, agents, everyMs } = this.#options;
    if (everyMs === 0) return;
    const { random } = kernel;
    const [name = ""] = jobs;
    const script = scriptOf({ overlap: "reject", runMs: random.between(10, everyMs * 1.5), exitCode: 0 });
    const catchUp = { mode: random.pick(["none", "last", "all"]) };
    const input = {
      name,
      task: { script, on: random.pick(agents) },
      policy: { lostAfterMs: LOST_AFTER_MIN_MS },
      schedules: [{ id: "beat", every: { ms: everyMs }, catchUp }],
    };
    process.does("planner", () => void this.#untilDone(input, () => !this.#isCalm), random.between(3_000, 30_000));
    this.#planned.push(name);
  }

  calm(): void {
    this.#isCalm = true;
    for (const name of this.#planned)
      this.#options.process.does(
        "planner",
        () => void this.#untilDone({ name, schedules: [] }, () => true),
        REMOVE_AFTER_MS,
      );
  }

  async #untilDone(input: object, isWanted: () => boolean): Promise<void> {
    while (isWanted()) {
      try {
        await this.#bell.ask("saveJob", input);
        return this.#options.kernel.count("planner: saveJob");
      } catch {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }
}
