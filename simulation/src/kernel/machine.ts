/** The world that the product's code runs in just now: what the doubles of Node's modules act on. */
import type { Cluster } from "../nats/cluster.ts";
import type { Doors } from "../world/doors.ts";
import type { Kernel } from "./kernel.ts";
import { Process } from "./process.ts";

export interface Machine {
  readonly kernel: Kernel;
  readonly cluster: Cluster;
  readonly doors: Doors;
  /** Starts a supervisor on the host of the process that asks. */
  readonly launchSupervisor: (stateDir: string, onExit: (code: number) => void) => void;
}

let present: Machine | undefined;

export function enter(machine: Machine | undefined): void {
  present = machine;
}

export function machine(): Machine {
  if (present === undefined) throw new Error("the product's code runs outside of a world");
  return present;
}

export function kernel(): Kernel {
  return machine().kernel;
}

/** The process that runs just now. */
export function self(): Process {
  const process = machine().kernel.current;
  if (!(process instanceof Process)) throw new Error("the product's code runs in no process");
  return process;
}
