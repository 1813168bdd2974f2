/** What /proc says of processes of this machine. */
import { readdirSync, readFileSync } from "node:fs";

/** A process for ever: its number goes to another one later, but not with this start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to its start. */
  readonly startTicks: number;
}

/** A zombie is gone: nothing of it runs. */
export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = read(pid, "stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat !== "" && fields[0] !== "Z" && fields[0] !== "X" && Number(fields[19]) === startTicks;
}

/** The processes whose command line has these arguments, one behind the other. */
export function findPids(args: readonly string[]): readonly number[] {
  const wanted = `\0${args.join("\0")}\0`;
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && `\0${read(pid, "cmdline")}`.includes(wanted));
}

function read(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return ""; // gone meanwhile
  }
}
