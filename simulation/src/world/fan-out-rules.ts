/** Rules of runs on all hosts that match: one part a host, no more at a time than may be, none after too many failed, and an end that tells the truth. */
import { hasEnded, type Run } from "@jobs/core";
import type { Kernel } from "../kernel/kernel.ts";

export class FanOutRules {
  readonly #kernel: Kernel;
  /** The parts of each run, by agent. */
  readonly #parts = new Map<string, Map<string, Run>>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Called with a record before it is taken over; `find` gives a run that lives or has ended. */
  onRecord(before: Run | undefined, run: Run, find: (run: string) => Run | undefined): void {
    if (run.partOf !== undefined && run.target.kind === "agent") this.#onPart(run, run.target.agent, find(run.partOf));
    if (run.fanOut !== undefined && hasEnded(run) && before !== undefined && !hasEnded(before)) this.#checkEnd(run);
  }

  /** A live run is removed. */
  onRemoved(run: Run | undefined, find: (run: string) => Run | undefined): void {
    const whole = run?.partOf === undefined ? undefined : find(run.partOf);
    if (whole !== undefined && !hasEnded(whole))
      this.#kernel.fail(`part ${run?.run} is removed while ${whole.run}, which it is a part of, goes on`);
  }

  #onPart(part: Run, agent: string, whole: Run | undefined): void {
    if (whole === undefined || whole.target.kind !== "all")
      return this.#kernel.fail(`run ${part.run} is a part of nothing`);
    const parts = this.#parts.get(whole.run) ?? new Map<string, Run>();
    this.#parts.set(whole.run, parts);
    const before = parts.get(agent);
    if (before !== undefined && before.run !== part.run)
      this.#kernel.fail(`run ${whole.run} has two parts on ${agent}: ${before.run} and ${part.run}`);
    const agents = whole.fanOut?.agents ?? [];
    if (!agents.includes(agent)) this.#kernel.fail(`run ${whole.run} has a part on ${agent}, which it is not for`);
    if (before === undefined) this.#checkRoom(whole, [...parts.values()]);
    if (hasAttempt(part) && !hasAttempt(before)) this.#checkFailures(whole, [...parts.values()]);
    if (hasEnded(whole) && !hasEnded(part)) this.#kernel.fail(`part ${part.run} goes on after ${whole.run} has ended`);
    parts.set(agent, part);
  }

  /** A part is begun beside these. */
  #checkRoom({ run, target, fanOut, cancel }: Run, parts: readonly Run[]): void {
    this.#kernel.count("reached: part begun");
    if (target.kind !== "all") return;
    const total = fanOut?.agents.length ?? 0;
    const active = parts.filter((one) => !hasEnded(one)).length;
    const most = Math.max(1, shareOf(target.atOnce ?? total, total));
    if (active >= most) this.#kernel.fail(`run ${run} has ${active + 1} parts at once and may have ${most}`);
    if (cancel !== undefined) this.#kernel.fail(`run ${run} begins a part though it is to end`);
  }

  /** A part is handed to its host for the first time beside these. */
  #checkFailures({ run, target, fanOut }: Run, parts: readonly Run[]): void {
    const failed = parts.filter((one) => hasEnded(one) && one.state !== "completed").length;
    const total = fanOut?.agents.length ?? 0;
    if (target.kind === "all" && target.maxFailed !== undefined && failed > shareOf(target.maxFailed, total))
      this.#kernel.fail(`run ${run} goes to another host after ${failed} failed`);
  }

  #checkEnd(whole: Run): void {
    const { run, state, fanOut, target, cancel } = whole;
    this.#kernel.count(`reached: run for several ${state}`);
    const parts = [...(this.#parts.get(run)?.values() ?? [])];
    const total = fanOut?.agents.length ?? 0;
    if (parts.some((part) => !hasEnded(part))) this.#kernel.fail(`run ${run} ends while a part of it goes on`);
    const completed = parts.filter((part) => part.state === "completed").length;
    if ((state === "completed") !== (completed === total))
      this.#kernel.fail(`run ${run} is ${state}, and ${completed} of ${total} parts completed it`);
    const failed = parts.length - completed;
    const limit = target.kind === "all" && target.maxFailed !== undefined ? shareOf(target.maxFailed, total) : total;
    if (parts.length < total && cancel === undefined && failed <= limit)
      this.#kernel.fail(`run ${run} ends, and ${total - parts.length} hosts were left out`);
  }
}

/** One that was refused did not begin. */
function hasAttempt(part: Run | undefined): boolean {
  return part?.attempts.some(({ refusal }) => refusal === undefined) === true;
}

function shareOf(share: number | string, total: number): number {
  return typeof share === "number" ? share : Math.floor((Number.parseInt(share, 10) / 100) * total);
}
