/** Faults of schedules that are saved anew while they go on. */
import type { Fault } from "./fault.ts";

const DEFINE = "packages/core/src/decide/define.ts";
const SLOTS = "packages/core/src/decide/slots.ts";
const EDITED = {
  servers: 1,
  hosts: 1,
  clients: 1,
  paceMs: 6_000,
  everyMs: 5_000,
  editMs: 600,
  hasOutages: false,
  kinds: ["agent killed"],
} as const;

export const SCHEDULE_FAULTS = {
  "edit-passes-over-what-is-due": {
    about: "What has come due and has no run yet is lost when its schedule is saved with other times.",
    scale: { ...EDITED, mishapMs: 2_000, kinds: ["nats disk busy"] },
    edits: [{ file: DEFINE, find: 'if (due.kind !== "nothing") return due;', replace: "" }],
  },
  "edit-passes-over-what-is-put-off": {
    about: "What jitter has put off is lost when its schedule is saved with other times.",
    scale: { ...EDITED, everyMs: 20_000 },
    edits: [
      {
        file: DEFINE,
        find: 'return putOff.kind === "nothing" ? undefined : putOff;',
        replace: "return void putOff;",
      },
    ],
  },
  "edit-begins-a-second-later": {
    about: "A schedule that is saved with other times does not have a slot that comes within a second.",
    scale: EDITED,
    edits: [
      {
        file: DEFINE,
        find: "return instantOf(Math.max(Date.parse(now), lastSlotMs(view, schedule.id)));",
        replace:
          "return instantOf(Math.max(Date.parse(now) + (before?.schedules ? 1_000 : 0), lastSlotMs(view, schedule.id)));",
      },
    ],
  },
  "edit-loses-the-cursor": {
    about: "Whatever is changed of a schedule, it begins anew: a slot that jitter puts off is lost.",
    scale: EDITED,
    edits: [
      {
        file: DEFINE,
        find: "before?.schedules?.find((one) => one.id === schedule.id && instantsOf(one) === instantsOf(schedule));",
        replace: "before?.schedules?.find((one) => one.id === schedule.id && instantsOf(one) === now);",
      },
    ],
  },
  "edit-keeps-the-cursor": {
    about:
      "A schedule that names other times goes on where it was, and has slots of a time in which nobody wanted them.",
    scale: EDITED,
    edits: [
      {
        file: DEFINE,
        find: "if (reached !== undefined && (same !== undefined || isPassed)) return reached;",
        replace: "if (reached !== undefined && (same !== undefined || isPassed || aheadMs <= 0)) return reached;",
      },
    ],
  },
  "added-again-runs-again": {
    about:
      "A schedule that is taken away and added again has its last slots once more. That a slot with a run has no other is away, too.",
    scale: EDITED,
    edits: [
      {
        file: DEFINE,
        find: "return instantOf(Math.max(Date.parse(now), lastSlotMs(view, schedule.id)));",
        replace: "return instantOf(Date.parse(now) - (before?.task ? 6_000 : 0));",
      },
      { file: SLOTS, find: "if (hadItsRun(scheduled, first)) return passed(scheduled, due);", replace: "void passed;" },
    ],
  },
  "runs-in-a-blackout": {
    about: "A schedule says that a slot is in a blackout, and it has its run.",
    scale: EDITED,
    edits: [{ file: SLOTS, find: "if (slot.skip !== undefined) return slot.skip;", replace: "" }],
  },
} satisfies Record<string, Fault>;
