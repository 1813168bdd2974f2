import { ARTIFACTS_MAX, type Attempt, type Run } from "@jobs/core";
import type { ArtifactStore } from "@jobs/core/artifacts";
import type { HistoryStore, InboxStore } from "@jobs/core/jetstream";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { LogKeeper } from "../logs/log-keeper.ts";
import { AT, finishedRun, sampleEvidence } from "../testing/sample-run.ts";
import type { Decider } from "./decider.ts";
import { EvidenceDesk } from "./evidence-desk.ts";
import { Settler } from "./settler.ts";

/** A run that nobody had: it settles without a word of any host. */
const ENDED = finishedRun({ state: "cancelled", reason: "cancelled-by" });

/** Settles over a HISTORY that answers a write with a conflict; whether the live record was removed then. */
async function isRemovedAfterConflict(found: Run | undefined): Promise<boolean> {
  let isRemoved = false;
  const settler = new Settler({
    decider: { remove: () => Promise.resolve(void (isRemoved = true)) } as unknown as Decider,
    history: {
      write: () => Promise.resolve({ kind: "conflict" }),
      find: () => Promise.resolve(found),
    } as unknown as HistoryStore,
    inbox: {} as InboxStore,
    artifacts: { locationOf: () => "here" } as unknown as ArtifactStore,
    logs: {} as LogKeeper,
    desk: new EvidenceDesk({ findRun: () => ENDED }),
    isOpen: () => false,
    isFinished: () => false,
    isKept: () => false,
    onFinished: () => undefined,
    now: () => AT,
    monotonicMs: () => 0,
    log: pino({ level: "silent" }),
  });
  await settler.settle(ENDED);
  return isRemoved;
}

test("a conflict in HISTORY says that the run is there only if it can be read: another write under way may come to nothing", async () => {
  expect(await isRemovedAfterConflict(ENDED)).toBe(true);
  expect(await isRemovedAfterConflict(undefined)).toBe(false);
});

/** A run that failed once and then completed; each try left so many files. */
async function settledTries(counts: readonly number[], toldUploads: boolean, nowMs: number): Promise<Run | undefined> {
  const attempts = counts.map((_, index): Attempt => {
    const licence = { session: "s", number: 1 };
    const retryAt = index < counts.length - 1 ? { retryAt: AT } : {};
    return { number: index + 1, agent: "alpha", licence, assignedAt: AT, lostAfterMs: null, graceMs: 1, ...retryAt };
  });
  const run: Run = { ...ENDED, state: "completed", reason: "exit", attempts };
  const desk = new EvidenceDesk({ findRun: () => run });
  for (const [index, count] of counts.entries()) {
    const isLast = index === counts.length - 1;
    const artifacts = Array.from({ length: count }, (_, file) => ({
      name: `${index}-${file}`,
      sizeBytes: 1,
      sha256: "00",
      stored: isLast || toldUploads,
    }));
    const evidence = sampleEvidence(run, {
      attempt: index + 1,
      revision: index,
      exit: { exitCode: isLast ? 0 : 1 },
      log: { lengthBytes: 0 },
      artifacts,
    });
    expect(desk.take("alpha", evidence)).toBe(true);
  }
  let settled: Run | undefined;
  const settler = new Settler({
    decider: { remove: () => Promise.resolve() } as unknown as Decider,
    history: {
      write: (one: Run) => {
        settled = one;
        return Promise.resolve({ kind: "stored" });
      },
    } as unknown as HistoryStore,
    inbox: { put: () => Promise.resolve() } as unknown as InboxStore,
    artifacts: {
      locationOf: () => "here",
      findSize: () => Promise.resolve(1),
      uploadTo: () => Promise.resolve({ url: "there" }),
    } as unknown as ArtifactStore,
    logs: { keep: () => Promise.resolve({ log: { lengthBytes: 0, complete: true } }) } as unknown as LogKeeper,
    desk,
    isOpen: () => false,
    isFinished: () => false,
    isKept: () => false,
    onFinished: () => undefined,
    now: () => new Date(Date.parse(AT) + nowMs).toISOString(),
    monotonicMs: () => 0,
    log: pino({ level: "silent" }),
  });
  await settler.settle(run);
  return settled;
}

const keptOf = (run: Run | undefined): unknown =>
  run?.output?.attempts.map(({ attempt, artifacts, artifactsLeftOut }) => [
    attempt,
    artifacts.length,
    artifactsLeftOut,
  ]);

test("of all tries together no more files are kept than of one, the last one's first, and it is said how many are not", async () => {
  const run = await settledTries([700, 400, ARTIFACTS_MAX - 900], true, 0);
  expect(keptOf(run)).toEqual([
    [1, 500, 200],
    [2, 400, undefined],
    [3, ARTIFACTS_MAX - 900, undefined],
  ]);
});

test("files of an earlier try are waited for, but not for ever: its host may never come back", async () => {
  expect(await settledTries([2, 1], false, 3_500_000)).toBeUndefined();
  expect(keptOf(await settledTries([2, 1], false, 3_700_000))).toEqual([
    [1, 0, 2],
    [2, 1, undefined],
  ]);
});
