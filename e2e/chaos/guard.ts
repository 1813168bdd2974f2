import { spawn } from "node:child_process";

/** In the environment of every server and agent of a system: its folder. */
export const SYSTEM_VARIABLE = "JOBS_CHAOS";

/**
 * Waits for the end of its input, which comes when this process is gone, however it ended. A process counts only while
 * its environment, or the arguments of a supervisor, name our folder. Twice: an agent may just start a supervisor.
 */
const SCRIPT = `
read -r word
[ "$word" = release ] && exit 0
for turn in 1 2; do
  for process in /proc/[0-9]*; do
    if grep -qsF "${SYSTEM_VARIABLE}=$0" "$process/environ" ||
      tr '\\0' ' ' <"$process/cmdline" | grep -qF -- "--state-dir $0/"; then kill -9 "\${process#/proc/}"; fi
  done
done
`;

/** Ends what a killed chaos run would leave behind; `release` when it was ended in order. */
export function guardSystem(directory: string): { release(): void } {
  const guard = spawn("/bin/sh", ["-c", SCRIPT, directory], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  guard.stdin.on("error", () => undefined); // it is gone already
  guard.unref();
  return { release: () => guard.stdin.end("release\n") };
}
