/** Faults of decisions: what follows from what is known. */
import type { Fault } from "./fault.ts";

const EVIDENCE = "packages/core/src/decide/evidence.ts";
const RECONCILE = "packages/core/src/decide/reconcile.ts";
const SUBMIT = "packages/core/src/decide/submit.ts";

export const DECISION_FAULTS = {
  "left-overs-forgotten": {
    about: "A run frees its job though processes of it are left over.",
    scale: { hosts: 3, jobs: ["nightly"], overlaps: ["reject"], paceMs: 400 },
    edits: [
      {
        file: "packages/core/src/domain/run.ts",
        find: "return (!hasEnded(run) && !isAhead(run)) || findLeftOver(run) !== undefined;",
        replace: "return !hasEnded(run) && !isAhead(run);",
      },
    ],
  },
  "any-agents-evidence": {
    about: "Evidence counts whoever gave it. The evidence desk would leave it out, so that is away, too.",
    scale: { hosts: 3, paceMs: 400, kinds: ["agent lies"] },
    edits: [
      {
        file: EVIDENCE,
        find: "if (run === undefined || attempt?.agent !== agent) return NOTHING;",
        replace: "if (run === undefined || attempt === undefined) return NOTHING;",
      },
      {
        file: "packages/server/src/duties/evidence-desk.ts",
        find: "run.attempts.some((one) => one.agent === agent && one.number === attempt)",
        replace: "run.attempts.length > 0",
      },
    ],
  },
  "old-attempts-evidence": {
    about: "Evidence of an attempt counts for the one that followed it.",
    edits: [
      {
        file: EVIDENCE,
        find: "run?.attempts.find(({ number }) => number === evidence.attempt)",
        replace: "run?.attempts.at(-1)",
      },
    ],
  },
  "end-is-not-final": {
    about: "Late evidence changes a run that has ended.",
    edits: [
      {
        file: EVIDENCE,
        find: "if (hasEnded(run) || attempt !== currentAttempt(run))",
        replace: "if (attempt !== currentAttempt(run))",
      },
    ],
  },
  "takes-back-what-is-held": {
    about: "An attempt is taken back though the host's beat lists it.",
    scale: {
      paceMs: 400,
      mishapMs: 800,
      kinds: ["agent killed", "agent restarted", "server cut off", "nats disk busy"],
    },
    edits: [
      {
        file: RECONCILE,
        find: "if (agent.held.some((held) => held.run === run.run && held.attempt === attempt.number)) return undefined;",
        replace: "",
      },
    ],
  },
  "takes-back-under-a-live-licence": {
    about: "An attempt is taken back while the licence that it may start under is live.",
    edits: [
      {
        file: RECONCILE,
        find: "if (agent?.licence === undefined || !isNewerLicence(agent.licence, attempt.licence)) return undefined;",
        replace: "if (agent?.licence === undefined) return undefined;",
      },
    ],
  },
  "key-forgotten": {
    about: "A submission under a known key is a new run.",
    scale: { paceMs: 400, overlaps: ["allow"] },
    edits: [
      {
        file: SUBMIT,
        find: "const same = view.runs.find((run) => run.run === submission.run) ?? context.finished;",
        replace: "const same = context.finished;",
      },
    ],
  },
  "no-blockers": {
    about: "Runs of a job do not block each other.",
    edits: [
      {
        file: "packages/core/src/decide/assign.ts",
        find: 'if (isBlocked(view, run)) return "previous-run";',
        replace: "",
      },
      {
        file: SUBMIT,
        find: 'if (live !== undefined && !waits) return { reason: "overlap", run: live.run, error: () => busy(live) };',
        replace: "void busy; void live;",
      },
    ],
  },
} satisfies Readonly<Record<string, Fault>>;
