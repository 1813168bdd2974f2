import { z } from "zod";

/** Why a run is in its final state. A closed list and a public contract: names are added, never changed. */
export const Reason = z.enum([
  "exit",
  "signal",
  "timeout",
  "out-of-memory",
  "cancelled-by",
  "replaced-by",
  "refused-by-agent",
  "lost",
  "host-restarted",
  "host-stopped",
  "supervisor-ended",
  "expired-in-queue",
  "overlap",
  "dst-gap",
  "missed",
  "paused",
  "blackout",
  "dependency-failed",
  "no-agent",
  /** Not all of its hosts completed it. */
  "hosts-failed",
  "invalid",
]);
export type Reason = z.infer<typeof Reason>;
