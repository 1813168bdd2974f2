import { readFileSync } from "node:fs";
import { uptime } from "node:os";

/**
 * Milliseconds since the host booted, time asleep included (CLOCK_BOOTTIME, in steps of 10 ms).
 *
 * Neither `Date.now()` (it can be set) nor `performance.now()` (it stands still while the host sleeps) can tell
 * whether a licence or a contact is still fresh.
 */
export function bootClockMs(): number {
  return Math.round(uptime() * 1000);
}

/** Names this boot of the host; process ids and boot clock readings mean nothing in another one. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
