/**
 * The scripts of a chaos run. Each writes to one shared file when it starts and when it ends, and holds a lock of its
 * job as long as any of its processes lives: shared when it allows overlap, else alone. Whether it got the lock is in its
 * mark, so the kernel itself tells an overlap, however short, also with a script that was killed and left no end mark.
 */
import type { SeededRandom } from "./seeded-random.ts";

export interface ScriptShape {
  readonly exitCode: number;
  /** It prints as many lines, one every tenth of a second. */
  readonly lines: number;
  readonly ignoresTerm: boolean;
  /** A hang-up of its terminal, as when its supervisor is killed, does not end it. */
  readonly ignoresHangUp: boolean;
  /** Has a process beside it that ignores the hang-up, and leaves it behind: it would live on for some seconds. */
  readonly leavesChild: boolean;
  readonly keepsFile: boolean;
}

export const KEPT_FILE = "kept.txt";

/** 0.2 to 3 s long. */
export function drawShape(random: SeededRandom): ScriptShape {
  return {
    exitCode: random.pick([0, 0, 0, 1, 7]),
    lines: random.between(2, random.chance(0.5) ? 30 : 10),
    ignoresTerm: random.chance(0.25),
    ignoresHangUp: random.chance(0.5),
    leavesChild: random.chance(0.3),
    keepsFile: random.chance(0.2),
  };
}

/** What the script prints when nothing ends it before its time. */
export function expectedOutput({ lines }: ScriptShape): string {
  return Array.from({ length: lines }, (_, index) => `line ${index + 1}\r\n`).join("");
}

export function scriptOf({ exitCode, lines, ignoresTerm, ignoresHangUp, leavesChild, keepsFile }: ScriptShape): string {
  const ignored = [...(ignoresTerm ? ["TERM"] : []), ...(ignoresHangUp ? ["HUP"] : [])];
  return [
    ...(ignored.length > 0 ? [`trap '' ${ignored.join(" ")}`] : []),
    'exec 9>>"$CHAOS_DIR/lock-$JOBS_JOB"',
    'if flock -n "$CHAOS_LOCK" 9; then lock=free; else lock=taken; fi',
    "read -r -a stat </proc/$$/stat; read -r up _ </proc/uptime",
    'echo "start $JOBS_JOB $JOBS_RUN $JOBS_ATTEMPT_NUMBER $CHAOS_LOCK $lock $JOBS_FENCE $$ ${stat[21]} $up" >>"$CHAOS_DIR/marks"',
    ...(leavesChild ? ["(trap '' HUP; exec sleep 15) &"] : []),
    `for n in {1..${lines}}; do echo "line $n"; sleep 0.1; done`,
    ...(keepsFile ? [`echo kept >"$JOBS_OUTPUT/${KEPT_FILE}"`] : []),
    "read -r up _ </proc/uptime",
    `echo "end $JOBS_RUN $JOBS_ATTEMPT_NUMBER ${exitCode} $up" >>"$CHAOS_DIR/marks"`,
    `exit ${exitCode}`,
    "",
  ].join("\n");
}

/** Its environment: where the marks go, and how it takes the lock of its job. */
export function environmentOf(directory: string, isAllow: boolean): Record<string, string> {
  return { CHAOS_DIR: directory, CHAOS_LOCK: isAllow ? "-s" : "-x" };
}
