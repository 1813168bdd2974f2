/**
 * Node's globals as a simulated process sees them: timers of the kernel, the clocks of its host, the signals of its host.
 * Outside of a process they are the real ones.
 */
import { systemError } from "../doubles/node-errors.ts";
import type { Event } from "./event-queue.ts";
import type { Kernel } from "./kernel.ts";
import { kernel, self } from "./machine.ts";
import type { Process } from "./process.ts";

/** What `setTimeout` and `setInterval` give. */
class Timer {
  event: Event | undefined;

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    cancel(this);
  }
}

function cancel(timer: unknown): void {
  if (!(timer instanceof Timer) || timer.event === undefined) return;
  timer.event.isCancelled = true;
  timer.event = undefined;
}

/** A timer of a process, by the clock of its host. */
export function startTimer(act: () => void, delayMs: number, process: Process = self()): unknown {
  const timer = new Timer();
  const kernelNow: Kernel = kernel();
  const trueMs = process.host.trueMs(Math.max(1, delayMs));
  timer.event = kernelNow.plan({ delayMs: trueMs, label: "timer", owner: process }, () => {
    timer.event = undefined;
    act();
  });
  return timer;
}

function startInterval(act: () => void, everyMs: number, process: Process = self()): unknown {
  const timer = new Timer();
  const again = (): void => {
    timer.event = kernel().plan({ delayMs: process.host.trueMs(everyMs), label: "timer", owner: process }, () => {
      again();
      act();
    });
  };
  again();
  return timer;
}

type Callback = (...given: unknown[]) => void;

/** Puts the simulated globals in the place of the real ones, for good: this is done in a process of its own. */
export function installGlobals(): void {
  const RealDate = Date;
  const now = (): number => Math.floor(self().host.wallMs());
  // Instants that the code makes from text or numbers are ordinary ones.
  const SimulatedDate = new Proxy(RealDate, {
    construct: (target, given: unknown[]) => Reflect.construct(target, given.length === 0 ? [now()] : given) as Date,
    get: (target, key) => (key === "now" ? now : (Reflect.get(target, key) as unknown)),
  });
  const replaced = {
    Date: SimulatedDate,
    setTimeout: (act: Callback, delayMs = 0, ...given: unknown[]) => startTimer(() => act(...given), delayMs),
    setInterval: (act: Callback, everyMs = 0, ...given: unknown[]) => startInterval(() => act(...given), everyMs),
    setImmediate: (act: Callback, ...given: unknown[]) => startTimer(() => act(...given), 0),
    clearTimeout: cancel,
    clearInterval: cancel,
    clearImmediate: cancel,
  };
  Object.assign(globalThis, replaced);
  Object.defineProperty(performance, "now", { value: () => self().host.monotonicMs(), configurable: true });
  Object.defineProperty(process, "pid", { get: () => kernel().current?.pid ?? 1, configurable: true });
  Object.defineProperty(process, "kill", {
    value: (pid: number, signal: string | 0) => {
      const { host } = self();
      if (host.meant(pid).length === 0) throw systemError("ESRCH", String(pid));
      if (signal !== 0) host.signal(pid, signal);
    },
    configurable: true,
  });
}
