import { ARTIFACT_NAMES_MAX_BYTES, ARTIFACTS_MAX, type Attempt, type Run } from "@jobs/core";
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
async function isRemovedAfterConflict(found: Run | undefined, isKept = false): Promise<boolean> {
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
    silentMs: () => 0,
    isUnreadable: () => false,
    isOpen: () => false,
    isFinished: () => false,
    isKept: () => isKept,
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

test("a part stays while the run that it is part of lives, though HISTORY has it", async () => {
  expect(await isRemovedAfterConflict(ENDED, true)).toBe(false);
});

interface Tries {
  /** Each try left so many files. */
  readonly counts: readonly number[];
  /** With names that end so. */
  readonly nameEnd?: string;
  readonly toldUploads?: boolean;
  /** How long ago it ended. */
  readonly nowMs?: number;
  readonly silentMs?: number;
  readonly change?: Partial<Run>;
  /** Of the last try's log, of 9 bytes; left out: all of them. */
  readonly shippedBytes?: number;
  /** The last try's host has not told its end. */
  readonly isUntold?: boolean;
  /** There is a record of its job that this version cannot read. */
  readonly isUnreadable?: boolean;
}

/** A run that failed some times and then completed. */
async function settledTries({
  counts,
  nameEnd = "",
  toldUploads = true,
  nowMs = 0,
  silentMs = 0,
  ...more
}: Tries): Promise<Run | undefined> {
  const attempts = counts.map((_, index): Attempt => {
    const licence = { session: "s", number: 1 };
    const retryAt = index < counts.length - 1 ? { retryAt: AT } : {};
    return { number: index + 1, agent: "alpha", licence, assignedAt: AT, lostAfterMs: null, graceMs: 1, ...retryAt };
  });
  const run: Run = { ...ENDED, state: "completed", reason: "exit", attempts, ...more.change };
  const desk = new EvidenceDesk({ findRun: () => run });
  for (const [index, count] of counts.entries()) {
    const isLast = index === counts.length - 1;
    if (isLast && more.isUntold === true) continue;
    const artifacts = Array.from({ length: count }, (_, file) => ({
      name: `${index}-${file}${nameEnd}`,
      sizeBytes: 1,
      sha256: "00",
      stored: toldUploads || (isLast && counts.length > 1),
    }));
    const evidence = sampleEvidence(run, {
      attempt: index + 1,
      revision: index,
      exit: { exitCode: isLast ? 0 : 1 },
      log: { lengthBytes: 9 },
      shippedBytes: more.shippedBytes ?? 9,
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
    logs: {
      keep: (_: unknown, { lengthBytes }: { lengthBytes: number }, isLastTry: boolean) =>
        Promise.resolve({ log: { lengthBytes, complete: !isLastTry } }),
      keepRest: () => Promise.resolve({ lengthBytes: 5, complete: false }),
    } as unknown as LogKeeper,
    desk,
    silentMs: () => silentMs,
    isUnreadable: () => more.isUnreadable === true,
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
  const run = await settledTries({ counts: [700, 400, ARTIFACTS_MAX - 900] });
  expect(keptOf(run)).toEqual([
    [1, 500, 200],
    [2, 400, undefined],
    [3, ARTIFACTS_MAX - 900, undefined],
  ]);
});

test("nor more names than those of one may take bytes: all of them stand in one message", async () => {
  const run = await settledTries({ counts: [40, 40, 40], nameEnd: "\u0001".repeat(3 * 255) });
  expect(keptOf(run)).toEqual([
    [1, 0, 40],
    [2, 17, 23],
    [3, 40, undefined],
  ]);
  const names = run?.output?.attempts.flatMap(({ artifacts }) => artifacts.map(({ name }) => name));
  expect(JSON.stringify(names).length).toBeLessThan(ARTIFACT_NAMES_MAX_BYTES);
});

test("files of an earlier try are waited for, but not for ever: its host may never come back", async () => {
  expect(await settledTries({ counts: [2, 1], toldUploads: false, nowMs: 3_500_000 })).toBeUndefined();
  expect(keptOf(await settledTries({ counts: [2, 1], toldUploads: false, nowMs: 3_700_000 }))).toEqual([
    [1, 0, 2],
    [2, 1, undefined],
  ]);
});

const DAY_MS = 24 * 60 * 60_000;
const RESOLVED = { resolved: { at: AT, by: "olga", gone: true } };

test.each<[string, Partial<Tries>, object]>([
  ["the rest of the log", { shippedBytes: 5 }, { log: { lengthBytes: 9, complete: false }, artifacts: [{}] }],
  ["its files", { toldUploads: false }, { artifacts: [], artifactsLeftOut: 1 }],
  ["its end", { isUntold: true }, { log: { lengthBytes: 5, complete: false }, artifacts: [] }],
])(
  "what a host that is gone has not handed over is given up after a day, or on an operator's word: %s",
  async (_, tries, left) => {
    const settle = (more: Partial<Tries>): Promise<Run | undefined> => settledTries({ counts: [1], ...tries, ...more });
    const gone = { nowMs: DAY_MS + 1, silentMs: 60_001 };
    expect(await settle({ ...gone, nowMs: DAY_MS })).toBeUndefined();
    expect(await settle({ ...gone, silentMs: 60_000 })).toBeUndefined(); // it is there, and something else is in the way
    expect((await settle(gone))?.output?.attempts).toMatchObject([left]);
    expect((await settle({ silentMs: 60_001, nowMs: 60_001, change: RESOLVED }))?.output?.attempts).toMatchObject([
      left,
    ]);
  },
);

test("a run of a job with a record that this version cannot read is left alone", async () => {
  expect(await settledTries({ counts: [1] })).toMatchObject({ run: ENDED.run });
  expect(await settledTries({ counts: [1], isUnreadable: true })).toBeUndefined();
});

test("nothing is given up since an operator has said that processes which were left over are gone", async () => {
  const change = { resolved: { at: AT, by: "olga" } };
  expect(
    await settledTries({ counts: [1], toldUploads: false, nowMs: 60_001, silentMs: 60_001, change }),
  ).toBeUndefined();
});

test("on an operator's word nothing is given up that a host in contact still hands over", async () => {
  expect(await settledTries({ counts: [1], toldUploads: false, nowMs: DAY_MS, change: RESOLVED })).toBeUndefined();
  expect(await settledTries({ counts: [1], shippedBytes: 5, nowMs: DAY_MS, change: RESOLVED })).toBeUndefined();
});
