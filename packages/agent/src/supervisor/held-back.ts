import { setTimeout as delay } from "node:timers/promises";

/** No start is held back for longer, milliseconds: whoever names a later instant has another clock, or it was set meanwhile. */
const LONGEST_MS = 1_000;

/** Resolves at an instant of this host's clock, milliseconds since 1970, and never before it; at once when there is none. */
export async function heldBackUntil(atMs: number | undefined): Promise<void> {
  const giveUpAtMs = performance.now() + LONGEST_MS;
  // A timer may ring a moment early.
  for (;;) {
    const leftMs = Math.min((atMs ?? 0) - Date.now(), giveUpAtMs - performance.now());
    if (leftMs <= 0) return;
    await delay(Math.ceil(leftMs));
  }
}
