/** The marks that scripts leave in the shared file, in the order in which the kernel appended them. */
import type { ProcessIdentity } from "./proc.ts";

export interface StartMark extends ProcessIdentity {
  readonly kind: "start";
  readonly job: string;
  readonly run: string;
  readonly attempt: number;
  readonly isAllow: boolean;
  /** False: another attempt of the job, which it may not overlap, still had a process that lived. */
  readonly isLockFree: boolean;
  readonly fence: { readonly epoch: string; readonly sequence: number };
  /** Since the boot. */
  readonly atSeconds: number;
}

export interface EndMark {
  readonly kind: "end";
  readonly run: string;
  readonly attempt: number;
  readonly exitCode: number;
  readonly atSeconds: number;
}

export type Mark = StartMark | EndMark;

/** Reads one line of the file; throws when it is none that a script writes. */
export function parseMark(line: string): Mark {
  const [kind, ...fields] = line.split(" ");
  if (kind === "end" && fields.length === 4) {
    const [run = "", attempt, exitCode, atSeconds] = fields;
    return { kind, run, attempt: Number(attempt), exitCode: Number(exitCode), atSeconds: Number(atSeconds) };
  }
  if (kind !== "start" || fields.length !== 9) throw new Error(`not a mark: ${JSON.stringify(line)}`);
  const [job = "", run = "", attempt, mode, lock, fence = "", pid, startTicks, atSeconds] = fields;
  const colon = fence.lastIndexOf(":");
  return {
    kind,
    job,
    run,
    attempt: Number(attempt),
    isAllow: mode === "-s",
    isLockFree: lock === "free",
    fence: { epoch: fence.slice(0, colon), sequence: Number(fence.slice(colon + 1)) },
    pid: Number(pid),
    startTicks: Number(startTicks),
    atSeconds: Number(atSeconds),
  };
}

/** Names an attempt, as in `<run>.1`. */
export function attemptOf({ run, attempt }: Pick<Mark, "run" | "attempt">): string {
  return `${run}.${attempt}`;
}
