import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findProcess, listPids } from "../process-table.ts";

/** Process ids of the shells that wait for a script of this state directory, or are about to. */
export function findShells(stateDir: string): readonly number[] {
  const mark = `\0sh\0${join(stateDir, "shells")}/`;
  return listPids().filter((pid) => readCommandLine(pid).includes(mark) && findProcess(pid) !== undefined);
}

function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
