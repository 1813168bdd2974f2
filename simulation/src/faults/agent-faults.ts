/** Faults of agents and supervisors: who starts what, and what is said of it. */
import type { Edit, Fault } from "./fault.ts";

const EVIDENCE = "packages/core/src/decide/evidence.ts";
const ATTEMPTS = "packages/agent/src/attempts.ts";
const BEAT_CHAIN = "packages/agent/src/beat-chain.ts";
const ADMISSION = "packages/agent/src/supervisor/admission.ts";
const ATTEMPT_TABLE = "packages/agent/src/supervisor/attempt-table.ts";
const ATTEMPT = "packages/agent/src/supervisor/attempt.ts";
const JOURNAL = "packages/agent/src/supervisor/journal.ts";

const NO_AGENT_LICENCE: Edit = {
  file: ATTEMPTS,
  find: "const live = this.#options.findLiveLicence(licence);",
  replace: "const live = { endsAtBootMs: Number.MAX_SAFE_INTEGER };",
};

export const AGENT_FAULTS = {
  "no-licence-check": {
    about: "Neither the agent nor the supervisor looks whether the licence that a start names is live.",
    scale: { paceMs: 400, mishapMs: 800, kinds: ["agent stopped", "agent cut off", "agent killed"] },
    edits: [
      NO_AGENT_LICENCE,
      {
        file: ADMISSION,
        find: "if (licence.session !== view.session) {",
        replace: "if (view.session === undefined) {",
      },
    ],
  },
  "no-licence-check-at-the-agent": {
    about: "The agent takes every licence of its session for live; the supervisor only knows sessions apart.",
    scale: { hosts: 2, slots: 4, paceMs: 400 },
    edits: [NO_AGENT_LICENCE],
  },
  "no-chain": {
    about: "Beats are no compare-and-set, and an agent does not look whose the last beat was: a clone goes unnoticed.",
    edits: [
      {
        file: "packages/core/src/jetstream/beat-store.ts",
        find: "this.#link.js.publish(subjects.agent.beat(this.#agent), JSON.stringify(beat), { expect, timeout: TIMEOUT_MS }),",
        replace:
          "this.#link.js.publish(subjects.agent.beat(this.#agent), JSON.stringify(beat), { timeout: TIMEOUT_MS, ...(expect && {}) }),",
      },
      {
        file: BEAT_CHAIN,
        find: "if (last === undefined || isLast(last, previous)) return last;",
        replace: "return last;",
      },
    ],
  },
  "speaks-before-its-first-beat": {
    about: "An agent tells of the attempts on its disk before it knows that it is not a clone.",
    scale: { nodes: 3, hosts: 3, paceMs: 400, kinds: ["host cloned"] },
    edits: [
      { file: "packages/agent/src/agent.ts", find: "maySpeak: () => isChained,", replace: "maySpeak: () => true," },
    ],
  },
  "orphans-not-looked-for": {
    about: "Once its leader is gone a supervisor takes an attempt for over, whatever else of it runs.",
    edits: [
      {
        file: "packages/agent/src/supervisor/containment.ts",
        find: "return this.#isLeaderGone && leader !== undefined && !isGroup(leader.pid) && !mayHaveOrphans();",
        replace: "return this.#isLeaderGone;",
      },
    ],
  },
  "no-journal-sync": {
    about: "The supervisor spawns before its journal is on the disk.",
    scale: { hosts: 3, paceMs: 400, mishapMs: 800, kinds: ["host crashed"] },
    edits: [{ file: JOURNAL, find: "await this.#file.datasync();", replace: "" }],
  },
  "no-journal-before-the-spawn": {
    about: "The supervisor does not wait for its journal before it spawns.",
    scale: { hosts: 3, paceMs: 400, mishapMs: 800, kinds: ["host crashed"] },
    edits: [
      {
        file: ATTEMPT,
        find: "Promise.allSettled([accepted, stored])",
        replace: "Promise.allSettled([Promise.resolve(void accepted), stored])",
      },
    ],
  },
  "journal-not-read": {
    about: "A supervisor that starts does not read its journal.",
    edits: [{ file: ATTEMPT_TABLE, find: "table.#load(records);", replace: "table.#load([]);" }],
  },
  "successor-ends-nothing": {
    about: "A supervisor calls what its predecessor left ended, and does not end it.",
    edits: [{ file: ATTEMPT, find: "isSameBoot ? await tree.end(0) : []", replace: "[]" }],
  },
  "no-fence-check": {
    about: "A host starts what a later message of the job has overtaken, and what it has forgotten.",
    scale: {
      servers: 2,
      hosts: 1,
      slots: 4,
      overlaps: ["allow"],
      clients: 2,
      paceMs: 400,
      mishapMs: 800,
      kinds: ["nats replica lags", "agent stopped"],
    },
    edits: [
      {
        file: ADMISSION,
        find: "if (view.fences.isStale(spec.job, spec.fence)) {",
        replace: "if (spec.job === undefined) {",
      },
    ],
  },
  "refusal-undoes-a-start": {
    about:
      "A refusal counts also for an attempt that has started. That needs a host that says both, as one does whose journal does not answer repetitions.",
    scale: {
      hosts: 1,
      slots: 4,
      overlaps: ["allow"],
      paceMs: 400,
      mishapMs: 800,
      kinds: ["nats disk busy", "agent cut off", "server killed"],
      everyMs: 0,
      isPlain: true,
    },
    edits: [
      {
        file: EVIDENCE,
        find: "if (attempt.startedAt !== undefined || evidence.refusal === undefined) return NOTHING;",
        replace: "if (evidence.refusal === undefined) return NOTHING;",
      },
      { file: ATTEMPT_TABLE, find: "if (this.#repeat(spec)) return undefined;", replace: "" },
      { file: ATTEMPTS, find: "if (known?.hasStatus === true) return known.publish();", replace: "" },
    ],
  },
} satisfies Readonly<Record<string, Fault>>;
