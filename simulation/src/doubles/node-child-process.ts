/** Takes the place of `node:child_process`: the only program that anybody starts is the supervisor. */
import { EventEmitter } from "node:events";
import { machine } from "../kernel/machine.ts";

class Child extends EventEmitter {
  unref(): void {
    // nothing is kept alive by it
  }
}

export type ChildProcess = Child;

export function spawn(_program: string, words: readonly string[]): ChildProcess {
  const stateDir = words[words.indexOf("--state-dir") + 1];
  if (stateDir === undefined) throw new Error("only a supervisor can be started");
  const child = new Child();
  machine().launchSupervisor(stateDir, (code) => child.emit("exit", code, null));
  return child;
}
