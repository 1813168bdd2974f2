import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobsError, type JobDefinition, type Payload, type Run } from "@jobs/core";
import { FileStore, payloadKey } from "@jobs/core/artifacts";
import { entryOf } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { HistoryIndex } from "../projection/history-index.ts";
import { JobsProjection } from "../projection/jobs-projection.ts";
import { AT, finishedRun, sampleRun } from "../testing/sample-run.ts";
import { PayloadKeeper } from "./payload-keeper.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse("2026-06-01T00:00:00.000Z");
const NAMES = ["task", "live", "ahead", "finished", "skipped", "unused", "fresh"] as const;

const hashOf = (name: string): string => Buffer.from(name).toString("hex").padEnd(64, "0");
const payloadOf = (name: string): Payload => ({ form: "plain", sha256: hashOf(name), sizeBytes: 9_000 });

/** Payloads that have been in the store for long, all but one, and what names them. */
async function openStore() {
  const directory = await mkdtemp(join(tmpdir(), "jobs-payloads-"));
  const clock = { ms: NOW_MS };
  const artifacts = new FileStore({ directory, secret: "secret", now: () => clock.ms, baseUrl: () => "" });
  // oxlint-disable-next-line require-await -- an async iterable is what the store takes
  const source = async function* () {
    yield Buffer.from("content");
  };
  for (const name of NAMES) {
    await artifacts.put(payloadKey(hashOf(name)), source());
    const at = (NOW_MS - (name === "fresh" ? 29.9 : 30.1) * DAY_MS) / 1000;
    await utimes(join(directory, payloadKey(hashOf(name))), at, at);
  }
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const said = { v: 1, job: "nightly", writeId: "w", policy: {}, updatedAt: AT, updatedBy: "ada" } as const;
  const task = { target: { kind: "any", labels: "" }, payload: payloadOf("task"), digest: "" } as const;
  const definition: JobDefinition = { ...said, task };
  jobs.apply(entryOf({ kind: "definition", definition }, 1));
  const live = (run: string, change: Partial<Run>): void =>
    jobs.apply(entryOf({ kind: "run", run: sampleRun({ run, ...change }) }, 2));
  live("run00001", { payload: payloadOf("live") });
  live("run00002", { payload: payloadOf("ahead"), state: "submitted", job: "weekly" });
  const finished = new HistoryIndex();
  finished.add(finishedRun({ run: "run00003", payload: payloadOf("finished") }), 3);
  finished.add(finishedRun({ run: "run00004", payload: payloadOf("skipped"), state: "skipped" }), 4);
  finished.add(finishedRun({ run: "run00005", payload: { ...payloadOf("unused"), body: "it is in the record" } }), 5);
  let mayDecide = true;
  const keeper = new PayloadKeeper({
    jobs,
    finished,
    artifacts,
    assertMayDecide: () => {
      if (!mayDecide) throw new JobsError("no-deciding-server", "Not this one.");
    },
    nowMs: () => clock.ms,
  });
  return {
    keeper,
    jobs,
    finished,
    clock,
    stopDeciding: () => (mayDecide = false),
    left: async () => {
      const there = new Set(await readdir(join(directory, "payloads")).catch(() => []));
      return NAMES.filter((name) => there.has(hashOf(name)));
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

test("a payload that no task, no live and no finished run names goes 30 days after its last submission", async () => {
  await using store = await openStore();
  const { keeper, finished, clock } = store;
  expect(await keeper.round()).toBe(1);
  expect(await store.left()).toEqual(NAMES.filter((name) => name !== "unused"));
  finished.remove("run00003");
  finished.remove("run00004");
  expect(await keeper.round()).toBe(0); // it looks once a day
  clock.ms += DAY_MS;
  expect(await keeper.round()).toBe(3);
  expect(await store.left()).toEqual(["task", "live", "ahead"]);
});

test.each<[string, (store: Awaited<ReturnType<typeof openStore>>) => unknown]>([
  ["this server does not decide any more", ({ stopDeciding }) => stopDeciding()],
  ["a finished run cannot be read", ({ finished }) => finished.addUnreadable("nightly", "run00009")],
  [
    "a live run cannot be read",
    ({ jobs }) => jobs.apply({ kind: "unreadable", job: "newer", subject: "jobs.newer.run.1", sequence: 9 }),
  ],
])("none goes while %s", async (_, happens) => {
  await using store = await openStore();
  happens(store);
  await store.keeper.round().catch(() => 0);
  expect(await store.left()).toEqual(NAMES);
});
