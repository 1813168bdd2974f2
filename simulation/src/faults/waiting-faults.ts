/** Faults of what waits: holds, pauses, the order of a line. */
import type { Fault } from "./fault.ts";

const ASSIGN = "packages/core/src/decide/assign.ts";
const RECONCILE = "packages/core/src/decide/reconcile.ts";
const QUIET = { hasOutages: false, overlaps: ["queue"], jobs: ["nightly"], paceMs: 2_000, operatorMs: 2_000 } as const;

export const WAITING_FAULTS = {
  "hold-ignored": {
    about: "A held run gets an attempt.",
    scale: QUIET,
    edits: [{ file: ASSIGN, find: 'if (run.hold !== undefined) return "held";', replace: "" }],
  },
  "pause-of-a-job-ignored": {
    about: "Runs of a paused job get attempts.",
    scale: QUIET,
    edits: [{ file: ASSIGN, find: 'if (view.definition?.paused !== undefined) return "job-paused";', replace: "" }],
  },
  "pause-of-all-ignored": {
    about: "Runs get attempts while all is paused.",
    scale: QUIET,
    edits: [{ file: ASSIGN, find: 'if (context.isPaused) return "all-paused";', replace: "" }],
  },
  "deleted-under-a-live-run": {
    about: "What is said of a job is deleted while a run of it lives.",
    scale: QUIET,
    edits: [
      {
        file: "packages/core/src/decide/delete.ts",
        find: 'if (live !== undefined) return { kind: "reject", error: lives(live) };',
        replace: "void live;",
      },
    ],
  },
  "line-without-order": {
    about: "A run that waits is in nobody's way, whoever came first.",
    scale: QUIET,
    edits: [
      {
        file: "packages/core/src/decide/line.ts",
        find: "return !isPassed(other) && isAheadOf(other, index);",
        replace: "return place === index;",
      },
    ],
  },
  "place-lost-with-a-replacement": {
    about: "A run that takes the place of one that waits stands at the end of its host's line.",
    scale: { ...QUIET, overlaps: ["queue-latest", "replace"], paceMs: 400 },
    edits: [
      { file: RECONCILE, find: "(inPlaceOf(run, by) ?? cancelled(asked, now))", replace: "cancelled(asked, now)" },
    ],
  },
  "superseded-by-an-earlier-one": {
    about: "A queue-latest run gives way to one that came before it.",
    scale: { ...QUIET, overlaps: ["queue-latest"], paceMs: 400 },
    edits: [
      {
        file: RECONCILE,
        find: "run !== view.runs.find(isLatestQueued)",
        replace: "run !== view.runs.findLast(isLatestQueued)",
      },
      {
        file: RECONCILE,
        find: "const later = view.runs.slice(view.runs.indexOf(run) + 1);",
        replace: "const later = view.runs.slice(0, view.runs.indexOf(run));",
      },
    ],
  },
  "never-expires": {
    about: "A run that waited for as long as it may goes on waiting.",
    scale: { ...QUIET, hasOutages: true, hosts: 1, kinds: ["agent cut off for minutes"] },
    edits: [
      {
        file: RECONCILE,
        find: "if (atMs === undefined || Date.parse(now) < atMs) return undefined;",
        replace: "if (atMs === undefined || Date.parse(now) !== atMs) return undefined;",
      },
    ],
  },
} satisfies Readonly<Record<string, Fault>>;
