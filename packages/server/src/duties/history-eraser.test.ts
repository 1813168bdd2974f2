import { JobsError, type AuditEntry, type Beat, type HistoryDeletion, type Run } from "@jobs/core";
import type { AttemptAddress } from "@jobs/core/jetstream";
import { pino } from "pino";
import { expect, test } from "vitest";
import { HistoryIndex } from "../projection/history-index.ts";
import { AT, finishedRun, sampleAttempt } from "../testing/sample-run.ts";
import type { Decider } from "./decider.ts";
import { HistoryEraser } from "./history-eraser.ts";

function run(id: string, agents: readonly string[]): Run {
  const attempts = agents.map((agent, index) => sampleAttempt({ number: index + 1, agent }));
  return finishedRun({ run: id, attempts });
}

/** A job with three runs; of its hosts one holds nothing, one holds an attempt, one is not in contact. */
function eraser(runs: readonly Run[] = [], isAwaited: (run: string) => boolean = () => false) {
  const finished = new HistoryIndex();
  finished.add(run("run00001", ["free", "holding"]), 1);
  finished.add(run("run00002", ["holding"]), 2);
  finished.add(run("run00003", ["gone"]), 3);
  const released: AttemptAddress[] = [];
  const purged: number[] = [];
  const removed: string[] = [];
  const audited: AuditEntry[] = [];
  const fault = { isThere: false };
  let deletion: HistoryDeletion | undefined;
  const held = [{ job: "nightly", run: "run00001", attempt: 2, isOver: true }];
  const alone: Decider["alone"] = (job, act) =>
    act({ job, runs, definition: undefined, guard: 0, isUnreadable: false, generation: 0 }, {
      agents: { liveOf: () => [] },
    } as unknown as Parameters<typeof act>[1]);
  const history = {
    erase: (_: string, said: { at: string; by: string }) => {
      deletion = { ...said, sequence: 9 };
      return Promise.resolve(9);
    },
    findDeletion: () => Promise.resolve(deletion),
    purge: (_: string, before: number) => {
      if (fault.isThere) return Promise.reject(new Error("NATS is away"));
      purged.push(before);
      return Promise.resolve();
    },
  };
  const made = new HistoryEraser({
    decider: { alone },
    history,
    releaser: { release: (address) => Promise.resolve(void released.push(address)) },
    finished,
    dependents: {
      findAwaited: (isMeant) => {
        const run = ["other001", "run00002"].find((one) => isAwaited(one) && isMeant(one));
        return run === undefined ? undefined : { run, by: { job: "weekly", run: "waits001" } };
      },
    },
    artifacts: { removeAll: (prefix) => Promise.resolve(void removed.push(prefix)) },
    agents: {
      isInContact: (agent) => agent !== "gone",
      findBeat: (agent) => ({ held: agent === "holding" ? held : [] }) as unknown as Beat,
    },
    audit: { write: (_, entry) => Promise.resolve(void audited.push(entry)) },
    now: () => AT,
    log: pino({ level: "silent" }),
  });
  return { eraser: made, finished, released, removed, purged, audited, fault };
}

test("the runs are forgotten at once, the hosts that may hold something are told, then it is purged", async () => {
  const { eraser: made, finished, released, removed, purged, audited } = eraser();
  await made.erase("nightly", "ada");
  expect(finished.list({}, { limit: 9 })).toEqual([]);
  await expect.poll(() => finished.isErasing("nightly")).toBe(false);
  expect(released).toEqual([
    { agent: "holding", run: "run00001", attempt: 2 },
    { agent: "gone", run: "run00003", attempt: 1 },
  ]);
  expect(removed).toEqual([1, 2, 3].map((nth) => `runs/nightly/run0000${nth}`));
  expect(purged).toEqual([9]);
  expect(audited).toEqual([{ v: 1, at: AT, by: "ada", action: "delete-history", job: "nightly" }]);
});

test("what is deleted already is not deleted again, but when a run has finished since", async () => {
  const { eraser: made, finished } = eraser();
  const deletion = { at: AT, by: "ada", sequence: 9 };
  expect(await made.erase("nightly", "ada")).toEqual({ deletion, isNew: true });
  expect(await made.erase("nightly", "bob")).toEqual({ deletion, isNew: false });
  finished.add(run("run00005", ["free"]), 10);
  expect(await made.erase("nightly", "bob")).toMatchObject({ deletion: { by: "bob" }, isNew: true });
});

test("what could not be done is done by a later round", async () => {
  const { eraser: made, finished, purged, fault } = eraser();
  fault.isThere = true;
  await made.erase("nightly", "ada");
  made.round();
  await new Promise((resolve) => setImmediate(resolve));
  expect([finished.isErasing("nightly"), purged]).toEqual([true, []]);
  fault.isThere = false;
  made.round();
  await expect.poll(() => finished.isErasing("nightly")).toBe(false);
  expect(purged).toEqual([9]);
});

test("nothing is deleted while there is a record of a run", async () => {
  const { eraser: made, finished } = eraser([run("run00004", [])]);
  await expect(made.erase("nightly", "ada")).rejects.toBeInstanceOf(JobsError);
  expect(finished.list({}, { limit: 9 })).toHaveLength(3);
});

test("what a live run waits for is not deleted: it would not know how that ended", async () => {
  const awaited = eraser([], (run) => run === "run00002");
  await expect(awaited.eraser.erase("nightly", "ada")).rejects.toMatchObject({
    code: "job-busy",
    message: expect.stringContaining("run waits001 of “weekly” waits for run run00002"),
    details: { run: "run00002", dependent: "waits001" },
  });
  expect(awaited.finished.list({}, { limit: 9 })).toHaveLength(3);
  await expect(eraser([], (run) => run === "other001").eraser.erase("nightly", "ada")).resolves.toMatchObject({
    isNew: true,
  });
});
