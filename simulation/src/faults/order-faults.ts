/** Faults of where and when: targets, priorities, dependencies, slots. */
import type { Fault } from "./fault.ts";

const LINE = "packages/core/src/decide/line.ts";
const FAN_OUT = "packages/core/src/decide/fan-out.ts";
const SLOTS = "packages/core/src/decide/slots.ts";

export const ORDER_FAULTS = {
  "any-agent-at-all": {
    about: "A run goes to an agent that does not match its labels.",
    edits: [
      {
        file: "packages/core/src/decide/place.ts",
        find: "matches(target.labels, agent) && !excluded.includes(agent.id)",
        replace: "!excluded.includes(agent.id)",
      },
    ],
  },
  "no-priority": {
    about: "Runs of a job start in the order in which they came, however urgent they are.",
    scale: { overlaps: ["queue"], paceMs: 400 },
    edits: [
      {
        file: LINE,
        find: "return (priorityOf(other) - priorityOf(run) || (isEarlier ? 1 : -1)) > 0;",
        replace: "return isEarlier;",
      },
    ],
  },
  "starts-before-its-dependency": {
    about: "A run that depends on others does not wait for their end.",
    edits: [
      {
        file: "packages/core/src/decide/assign.ts",
        find: 'if (dependsStill(run, context)) return "dependency";',
        replace: "",
      },
    ],
  },
  "cursor-goes-ahead": {
    about: "A schedule's cursor passes a slot that has no run yet.",
    scale: { everyMs: 5_000 },
    edits: [
      {
        file: SLOTS,
        find: "cursors[id] = instantOf(toMs);",
        replace: "cursors[id] = instantOf(toMs + 6_000);",
      },
    ],
  },
  "more-at-once": {
    about: "A run for several hosts goes to all of them at once.",
    scale: { hosts: 3, paceMs: 400 },
    edits: [{ file: FAN_OUT, find: "if (active >= atOnceOf(run)) return undefined;", replace: "" }],
  },
  "goes-on-after-failures": {
    about: "A run for several hosts goes on after too many have failed.",
    scale: { hosts: 3, paceMs: 400 },
    edits: [
      {
        file: FAN_OUT,
        find: "return failed > shareOf(target.maxFailed, fanOut?.agents.length ?? 0);",
        replace: "return failed < 0;",
      },
    ],
  },
  "waited-for-after-failures": {
    about: "A run for several hosts that has failed on too many goes to those that were waited for all the same.",
    scale: { hosts: 3, paceMs: 400, forAll: 0.5 },
    edits: [{ file: FAN_OUT, find: "isStopped(run, members) ? members.find(", replace: "1 > 2 ? members.find(" }],
  },
  "parts-not-kept": {
    about: "The part of a run on one host goes while the others go on: nobody knows any more that there was one.",
    scale: { hosts: 3, paceMs: 400 },
    edits: [
      {
        file: "packages/server/src/duties/settler.ts",
        find: "if (this.#options.isKept(run)) return;",
        replace: "",
      },
    ],
  },
  "fires-early": {
    about: "A slot has its run before its time.",
    scale: { everyMs: 20_000, kinds: ["server killed"] },
    edits: [{ file: SLOTS, find: "if (dueAt > nowMs) {", replace: "if (dueAt > nowMs + 10_000) {" }],
  },
  "starts-at-once": {
    about: "A supervisor does not hold back what it was handed a moment early.",
    scale: { everyMs: 5_000, kinds: ["server killed"], servers: 1 },
    edits: [
      {
        file: "packages/agent/src/supervisor/attempt.ts",
        find: "await heldBackUntil(spec.startAtMs);",
        replace: "",
      },
    ],
  },
  "takes-its-clock-for-the-servers": {
    about: "An agent takes a server's instant for one of its host's clock.",
    scale: { everyMs: 5_000, kinds: ["server killed"], servers: 1 },
    edits: [
      {
        file: "packages/agent/src/server-time.ts",
        find: "return least < 0 && least > -BEHIND_MS ? serverMs : serverMs + least;",
        replace: "return serverMs + 0 * least * BEHIND_MS;",
      },
    ],
  },
} satisfies Record<string, Fault>;
