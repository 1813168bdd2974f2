import { spawn, type ChildProcessByStdio } from "node:child_process";
import { platform } from "node:process";
import type { Writable } from "node:stream";

/** Ends what a killed test process would leave behind; `release` when it was ended in order. */
interface FixtureGuard {
  release(): void;
}

/**
 * Waits for the end of its input, which comes when the test process is gone, however it ended. A pid counts only while
 * its command line names our configuration file.
 */
const SCRIPT = `
read -r word
[ "$word" = release ] && exit 0
for conf in "$0"/*/nats.conf; do
  pid=$(cat "$(dirname "$conf")/nats.pid") || continue
  { tr '\\0' ' ' <"/proc/$pid/cmdline" || ps -ww -o args= -p "$pid"; } | grep -qF -- "$conf" && kill -9 "$pid"
done
rm -rf "$0"
`;

/** Guards the servers whose data folders are the folders of `dir`. */
export function guardFixture(dir: string): FixtureGuard {
  if (platform === "win32") return { release: () => undefined };
  const { stdin } = spawnGuard(dir);
  return { release: () => stdin.end("release\n") };
}

/** The guarding process: it acts when its input ends without the word. */
export function spawnGuard(dir: string): ChildProcessByStdio<Writable, null, null> {
  const child = spawn("/bin/sh", ["-c", SCRIPT, dir], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  child.unref();
  return child;
}
