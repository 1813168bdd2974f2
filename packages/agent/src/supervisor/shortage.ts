/** Of descriptors, of processes, of memory, of terminals. */
const SHORTAGES: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM", "ENOSPC"]);

/** True when the host is too short of something just now: that tells nothing about what was asked of it, and passes. */
export function isShortage(error: unknown): boolean {
  return SHORTAGES.has((error as NodeJS.ErrnoException).code);
}
