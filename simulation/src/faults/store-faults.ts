/** Faults of what is written, and on what view: guards, markers, HISTORY. */
import type { Fault } from "./fault.ts";

const DECIDER = "packages/server/src/duties/decider.ts";
const JOB_STORE = "packages/core/src/jetstream/job-store.ts";
const GROUP_COMMIT = "packages/core/src/jetstream/group-commit.ts";
const SERVER = "packages/server/src/build.ts";
const SETTLER = "packages/server/src/duties/settler.ts";

export const STORE_FAULTS = {
  "own-key-guard": {
    about: "Each write is guarded by its own key, not by its job: two servers give two runs of one job an attempt.",
    scale: {
      servers: 3,
      hosts: 2,
      jobs: ["nightly"],
      overlaps: ["reject"],
      clients: 2,
      paceMs: 400,
      mishapMs: 3_000,
      kinds: ["server cut off"],
    },
    edits: [
      {
        file: JOB_STORE,
        find: "guardSubject: subjects.jobs.guard(job)",
        replace: 'guardSubject: record.kind === "definition" ? subjects.jobs.guard(job) : subject',
      },
      {
        file: DECIDER,
        find: "store.write(run, guard)",
        replace: "store.write(run, this.#options.jobs.find(run.run)?.sequence ?? 0)",
      },
      {
        file: DECIDER,
        find: "this.#options.store.remove(run, view.guard)",
        replace: "this.#options.store.remove(run, this.#options.jobs.find(run.run)?.sequence ?? 0)",
      },
    ],
  },
  "no-guard": {
    about: "Writes carry no guard at all.",
    scale: { servers: 3, paceMs: 400, mishapMs: 800, kinds: ["server cut off", "server stopped"] },
    edits: [
      {
        file: GROUP_COMMIT,
        find: "expect: { lastSubjectSequence: write.guard, lastSubjectSequenceSubject: write.guardSubject },",
        replace: "",
      },
    ],
  },
  "two-writes-of-a-job-in-a-batch": {
    about:
      "A batch takes two writes of one job, which NATS accepts. The decider's queue a job would keep them apart, so that is away, too; and batches come also under small load.",
    edits: [
      { file: GROUP_COMMIT, find: " && !jobs.has(one.write.job)", replace: "" },
      { file: GROUP_COMMIT, find: "const MAX_LONE = 8;", replace: "const MAX_LONE = 0;" },
      {
        file: "packages/server/src/duties/keyed-queue.ts",
        find: "before === undefined ? work() : before.then(work, work)",
        replace: "work()",
      },
    ],
  },
  "stale-view": {
    about:
      "A server decides on a view that was not confirmed current: the key of a run that it has not seen come into HISTORY is a new one. It would give the lease away, so that is away, too.",
    scale: {
      servers: 2,
      slots: 4,
      overlaps: ["allow"],
      clients: 2,
      paceMs: 2_000,
      mishapMs: 300_000,
      roughMs: 900_000,
      kinds: ["server lost while history lags"],
    },
    edits: [
      {
        file: SERVER,
        find: "const mayDecide = (): boolean => lease.isHeld && mark.isCurrent(gainedAtMs);",
        replace: "const mayDecide = (): boolean => lease.isHeld;",
      },
      {
        file: SERVER,
        find: "isFit: () => mark.isCurrent() && (mark.isCurrent(gainedAtMs) || monotonicMs() - gainedAtMs < CONFIRM_WITHIN_MS),",
        replace: "isFit: () => true,",
      },
    ],
  },
  "answer-raises-the-guard": {
    about:
      "What another server answers counts as read, and its sequence as the guard: what was stored before it is missed. That a server confirms its view first when it begins to decide would find it, so that is away, too.",
    scale: {
      servers: 3,
      hosts: 2,
      jobs: ["nightly"],
      overlaps: ["allow"],
      clients: 2,
      paceMs: 400,
      mishapMs: 12_000,
      roughMs: 150_000,
      kinds: ["server lost while others lag"],
      everyMs: 0,
      isPlain: true,
    },
    firstSeed: 160,
    edits: [
      {
        file: SERVER,
        find: "const mayDecide = (): boolean => lease.isHeld && mark.isCurrent(gainedAtMs);",
        replace: "const mayDecide = (): boolean => lease.isHeld && mark.isCurrent();",
      },
      {
        file: "packages/server/src/projection/jobs-projection.ts",
        find: "if ((known?.sequence ?? 0) < sequence) this.#announced.set(entry.subject, entry);",
        replace: "if ((known?.sequence ?? 0) < sequence) this.apply(entry);",
      },
    ],
  },
  "marker-too-short": {
    about: "A removed run's marker is gone before the writes that were under way then: their guards fit again.",
    scale: {
      servers: 2,
      jobs: ["nightly"],
      clients: 2,
      paceMs: 400,
      mishapMs: 3_000,
      kinds: ["server cut off", "nats replica lags"],
    },
    edits: [{ file: JOB_STORE, find: "MARKER_TTL_SECONDS = 150", replace: "MARKER_TTL_SECONDS = 1" }],
  },
  "delete-instead-of-marker": {
    about: "A settled run is deleted, which no watch tells, and which lets the job's last sequence fall back.",
    scale: { servers: 3, paceMs: 400 },
    edits: [
      {
        file: JOB_STORE,
        find: "return this.#commit.write({ ...write, headers: markerHeaders(MARKER_TTL_SECONDS) });",
        replace:
          'return this.#link.jsm.streams.purge(STREAMS.jobs, { filter: write.subject }).then(() => ({ kind: "stored", sequence: guard }));',
      },
    ],
  },
  "decides-anew-after-a-time-out": {
    about:
      "A write without an answer counts as not made, and its run is taken to be nowhere: another answer is given than the one that the store holds.",
    edits: [
      {
        file: "packages/server/src/duties/resolved-outcome.ts",
        find: "const { cause } = outcome;",
        replace: 'const { cause } = outcome; if (outcome.kind === "unknown") return { kind: "stored", sequence: 0 };',
      },
    ],
  },
  "removed-before-history": {
    about: "A run is removed though HISTORY did not acknowledge it.",
    scale: { nodes: 3, paceMs: 400, mishapMs: 3_000, kinds: ["nats leader changed"] },
    edits: [
      {
        file: SETTLER,
        find: 'return outcome.kind === "stored" || this.#isThere(run, outcome.kind);',
        replace: "return true;",
      },
    ],
  },
  "no-history": {
    about: "A run is removed and never written to HISTORY.",
    edits: [
      {
        file: SETTLER,
        find: "const outcome = await this.#options.history.write(settled);",
        replace: 'const outcome: { kind: string } = await Promise.resolve({ kind: "stored" });',
      },
    ],
  },
  "history-not-asked": {
    about: "Whether a key's run is in HISTORY is not looked up.",
    edits: [
      {
        file: DECIDER,
        find: "if (!mayBeThere) return decideSubmit(view, submission, context);",
        replace: "if (!mayBeThere || view !== undefined) return decideSubmit(view, submission, context);",
      },
    ],
  },
} satisfies Readonly<Record<string, Fault>>;
