/** Faults of what is lost: who decides it on what, and what is done with what runs on all the same. */
import type { Fault } from "./fault.ts";

const SILENCE = "packages/server/src/projection/silence.ts";
const LEASE = "packages/server/src/duties/deciding-lease.ts";
const OUTAGE = {
  hasOutages: true,
  overlaps: ["queue", "reject"],
  jobs: ["nightly"],
  paceMs: 6_000,
  operatorMs: 0,
} as const;

export const LOSS_FAULTS = {
  "loss-without-own-beats": {
    about:
      "A server counts as silence what it did not listen to. One that does not decide would not decide on it, so that it must hold the lease, and have a current view, is away, too.",
    scale: { ...OUTAGE, servers: 1, hosts: 2, mishapMs: 120_000, kinds: ["server stopped for minutes"] },
    edits: [
      {
        file: SILENCE,
        find: "if (known === undefined || !isMeasuring) return 0;",
        replace: "if (known === undefined) return 0;",
      },
      {
        file: SILENCE,
        find: "return Math.max(0, this.#ownSentAtMs - Math.max(known.heardAtMs, this.#measuringSinceMs));",
        replace: "return Math.max(0, this.#monotonicMs() - known.heardAtMs) + (isMeasuring ? 0 : 0);",
      },
      {
        file: LEASE,
        find: "return this.#isHeld && this.holder === this.#options.server;",
        replace: "return this.#isHeld;",
      },
      {
        file: "packages/server/src/build.ts",
        find: "const mayDecide = (): boolean => lease.isHeld && mark.isCurrent(gainedAtMs);",
        replace: "const mayDecide = (): boolean => lease.isHeld;",
      },
    ],
  },
  "deadline-from-the-acknowledgement": {
    about: "The supervisor counts from when a beat was acknowledged, and not from when it was sent.",
    scale: {
      ...OUTAGE,
      nodes: 1,
      servers: 1,
      hosts: 1,
      slots: 8,
      overlaps: ["allow"],
      clients: 1,
      mishapMs: 200_000,
      roughMs: 1_500_000,
      kinds: ["agent slow, then stopped, then cut off"],
    },
    edits: [
      {
        file: "packages/agent/src/agent.ts",
        find: "supervisor.beat(sentAtBootMs);",
        replace: "supervisor.beat(bootClockMs() + 0 * sentAtBootMs);",
      },
    ],
  },
  "no-deadline": {
    about: "The supervisor lets scripts run on without contact.",
    scale: { ...OUTAGE, mishapMs: 60_000, kinds: ["agent cut off for minutes"] },
    edits: [
      {
        file: "packages/agent/src/supervisor/deadline.ts",
        find: "if (lostAfterMs === null && timeoutMs === undefined && silenceMs === undefined) return;",
        replace: "if (name !== undefined) return;",
      },
    ],
  },
  "unaccounted-ignored": {
    about: "A run starts beside what a host says it runs, because no record knows of that.",
    scale: { ...OUTAGE, hosts: 2, mishapMs: 60_000, kinds: ["host out of reach"] },
    edits: [
      {
        file: "packages/core/src/decide/assign.ts",
        find: 'return findLeftOver(run) !== undefined || unaccounted(view, context).length > 0 ? "left-over" : undefined;',
        replace: 'return findLeftOver(run) !== undefined ? "left-over" : undefined;',
      },
    ],
  },
  "always-known-over": {
    about: "Whatever a host says it runs is taken for over.",
    scale: {
      ...OUTAGE,
      hosts: 3,
      jobs: ["nightly", "a job", "backup"],
      slots: 4,
      paceMs: 2_000,
      mishapMs: 40_000,
      roughMs: 550_000,
      kinds: ["host out of reach"],
    },
    edits: [
      {
        file: "packages/server/src/projection/attempts-on-hosts.ts",
        find: "if (own === undefined) return UNKNOWN_LOST_AFTER_MS;",
        replace: "if (own === undefined || held.run !== undefined) return 0 * UNKNOWN_LOST_AFTER_MS;",
      },
    ],
  },
} satisfies Readonly<Record<string, Fault>>;
