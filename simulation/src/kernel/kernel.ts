/**
 * True time, chance and the order of all that happens. One step is one event: it runs in the process that owns it, until
 * no promise of it can go on any more; then comes the next event. So a seed decides everything, and a process may be
 * killed or stopped between any two steps.
 */
import { EventQueue, type Event, type Owner } from "./event-queue.ts";
import { Random } from "./random.ts";

/** Captured before the world's own timers take its place. */
const realSetImmediate = setImmediate;
/** So many of the last steps are told when something goes wrong. */
const TRACE_LENGTH = 3_000;

/** A rule was broken: what, and in which step. */
export class Violation extends Error {}

export class Kernel {
  readonly random: Random;
  /** How often each kind of event came, and what else was reached. */
  readonly counts = new Map<string, number>();
  /** When each name was drawn that the product gave to something, true milliseconds: a write is named when it is decided. */
  readonly namedAtMs = new Map<string, number>();
  /** The process in which things happen just now. */
  current: Owner | undefined;
  nowMs = 0;
  steps = 0;
  violation: Violation | undefined;
  readonly #queue = new EventQueue();
  readonly #trace: string[] = [];
  #order = 0;
  #hash = 0x811c9dc5;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** Of all steps so far: two runs of a seed are the same if these are. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  get trace(): readonly string[] {
    return this.#trace;
  }

  /** Plans an event after `delayMs` of true time; of the process that runs just now unless another owner is named. */
  after(delayMs: number, label: string, run: () => void): Event {
    return this.plan({ delayMs, label, owner: this.current }, run);
  }

  plan(
    { delayMs, label, owner }: { readonly delayMs: number; readonly label: string; readonly owner: Owner | undefined },
    run: () => void,
  ): Event {
    const atMs = this.nowMs + Math.max(0, delayMs);
    const event = { atMs, order: this.#order++, label, owner, run, isCancelled: false };
    this.#queue.push(event);
    return event;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Notes something for the trace. */
  note(text: string): void {
    this.#trace.push(
      `${(this.nowMs / 1000).toFixed(3).padStart(9)} ${(this.current?.name ?? "world").padEnd(16)} ${text}`,
    );
    if (this.#trace.length > 2 * TRACE_LENGTH) this.#trace.splice(0, TRACE_LENGTH);
  }

  fail(message: string): void {
    this.note(`VIOLATION ${message}`);
    this.violation ??= new Violation(message);
  }

  /** Runs until true time `untilMs`, so many steps in all, or the first violation. */
  async run(untilMs: number, maxSteps = Number.POSITIVE_INFINITY): Promise<void> {
    while (this.violation === undefined && this.steps < maxSteps) {
      const event = this.#queue.pop();
      if (event === undefined || event.atMs > untilMs) {
        if (event !== undefined) this.#queue.push(event);
        this.nowMs = Math.max(this.nowMs, untilMs);
        return;
      }
      this.nowMs = Math.max(this.nowMs, event.atMs);
      if (!event.isCancelled) await this.#step(event);
    }
  }

  async #step(event: Event): Promise<void> {
    const { owner, label } = event;
    if (owner !== undefined && !owner.isAlive) return;
    if (owner?.isStopped === true) return owner.postpone(event);
    this.steps++;
    this.count(label);
    this.#mix(label, owner?.pid ?? 0);
    this.current = owner;
    event.run();
    // Every promise that can go on does so before the turn of the real event loop ends.
    await new Promise((resolve) => realSetImmediate(resolve));
    this.current = undefined;
  }

  #mix(label: string, pid: number): void {
    let hash = this.#hash;
    for (let index = 0; index < label.length; index++) hash = Math.imul(hash ^ label.charCodeAt(index), 0x01000193);
    this.#hash = Math.imul(hash ^ (pid + Math.floor(this.nowMs * 1000)), 0x01000193);
  }
}
