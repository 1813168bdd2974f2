import type { Run } from "@jobs/core";
import type { ArtifactStore } from "@jobs/core/artifacts";
import type { HistoryStore, InboxStore } from "@jobs/core/jetstream";
import { pino } from "pino";
import { expect, test } from "vitest";
import type { LogKeeper } from "../logs/log-keeper.ts";
import type { Decider } from "./decider.ts";
import { EvidenceDesk } from "./evidence-desk.ts";
import { Settler } from "./settler.ts";

const AT = "2026-03-01T12:00:00.000Z";
/** A run that nobody had: it settles without a word of any host. */
const ENDED: Run = {
  v: 1,
  job: "nightly",
  run: "run00001",
  writeId: "w",
  state: "cancelled",
  reason: "cancelled-by",
  overlap: "reject",
  target: { kind: "agent", agent: "alpha", name: "alpha" },
  payload: { form: "plain", sha256: "00", sizeBytes: 2 },
  requestDigest: "d",
  submittedBy: "ada",
  times: { submittedAt: AT, endedAt: AT },
  attempts: [],
};

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
