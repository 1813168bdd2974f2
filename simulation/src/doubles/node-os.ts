/** Takes the place of `node:os`: the host that the process runs on. */
import { constants } from "node:os";
import { self } from "../kernel/machine.ts";

export { constants };

/** Seconds since the host booted, time asleep included. */
export function uptime(): number {
  return self().host.clock.bootMs() / 1000;
}

export function hostname(): string {
  return "simulated"; // asked for while modules load, before there is a host
}

export function availableParallelism(): number {
  return 1;
}

export function tmpdir(): string {
  return "/tmp";
}

export function userInfo(): { username: string; homedir: string; shell: string } {
  return { username: "jobs", homedir: "/home/jobs", shell: "/bin/sh" };
}
