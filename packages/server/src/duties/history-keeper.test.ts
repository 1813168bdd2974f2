import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JobsError, type KeptFor, type Run } from "@jobs/core";
import { FileStore, logKey } from "@jobs/core/artifacts";
import { connectNats, ensureTopology, HistoryStore, type StreamWatch } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { HistoryIndex } from "../projection/history-index.ts";
import { HistoryKeeper } from "./history-keeper.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse("2026-06-01T00:00:00.000Z");

function finished(nth: number, days: number, change: Partial<Run> = {}): Run {
  const at = new Date(NOW_MS - days * DAY_MS).toISOString();
  return {
    v: 1,
    job: "nightly",
    run: `run${String(nth).padStart(5, "0")}`,
    writeId: "w",
    state: "failed",
    reason: "exit",
    overlap: "allow",
    target: { kind: "agent", agent: "alpha", name: "alpha" },
    payload: { form: "plain", sha256: "0".repeat(64), sizeBytes: 2, body: "{}" },
    requestDigest: "d",
    submittedBy: "ada",
    times: { submittedAt: at, endedAt: at },
    attempts: [],
    ...change,
  };
}

interface ServerOptions {
  readonly kept?: KeptFor;
  readonly needed?: readonly string[];
  readonly mayDecide?: () => boolean;
  /** It can name what is to go, and remove nothing. */
  readonly isCutOff?: boolean;
}

/** HISTORY and a folder, and servers on them, each with an index that its watch fills. */
async function openSite() {
  const nats = await startNats();
  const link = await connectNats({ url: nats.url, name: "test" });
  await ensureTopology(link, () => 0);
  const directory = await mkdtemp(join(tmpdir(), "jobs-history-"));
  const artifacts = new FileStore({ directory, secret: "secret", now: () => 0, baseUrl: () => "" });
  const history = new HistoryStore(link);
  const watches: StreamWatch[] = [];
  async function* bytes() {
    yield await Promise.resolve(new Uint8Array(3));
  }
  return {
    history,
    directory,
    write: async (run: Run) => {
      await history.write(run);
      await artifacts.put(logKey({ job: run.job, run: run.run, attempt: 1 }), bytes());
    },
    server: async ({
      kept = { days: 60, runs: 3 },
      needed = [],
      mayDecide = () => true,
      isCutOff = false,
    }: ServerOptions = {}) => {
      const index = new HistoryIndex();
      await new Promise<void>((onReady) =>
        watches.push(
          history.watch({
            onRun: (run, sequence) => index.add(run, sequence),
            onErasure: () => undefined,
            onUnreadable: (job, run) => index.addUnreadable(job, run),
            onRemoved: (run) => index.remove(run),
            onForgotten: (forgotten, sequence) => index.onForgotten(forgotten, sequence),
            onMark: () => undefined,
            onReady,
            onReset: () => index.reset(),
            onError: () => undefined,
          }),
        ),
      );
      const keeper = new HistoryKeeper({
        history: {
          writeForgotten: (...args) => history.writeForgotten(...args),
          remove: (...args) => (isCutOff ? Promise.reject(new Error("NATS does not answer")) : history.remove(...args)),
        },
        finished: index,
        artifacts,
        payloads: { round: () => Promise.resolve(0) },
        keptFor: (job) => (job === "kept for ever" ? { days: null, runs: null } : kept),
        isNeeded: (run) => needed.includes(run),
        assertMayDecide: () => {
          if (!mayDecide()) throw new JobsError("no-deciding-server", "Not this one.");
        },
        nowMs: () => NOW_MS,
        log: pino({ level: "silent" }),
      });
      return { index, keeper };
    },
    [Symbol.asyncDispose]: async () => {
      for (const watch of watches) await watch.stop();
      await link.connection.close();
      await nats[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

function listed(index: HistoryIndex): string[] {
  return index
    .list({}, { limit: 500 })
    .map(({ run }) => Number(run.slice(3)))
    .sort((one, other) => one - other)
    .map(String);
}

test("what was kept for long enough goes with its files, from every server; what is promised or needed stays", async () => {
  await using site = await openSite();
  const slot = { schedule: "s", at: "2026-05-01T00:00:00.000Z" };
  const silent = { number: 1, agent: "alpha", licence: { session: "s", number: 1 }, assignedAt: slot.at };
  for (const run of [
    finished(1, 70), // too old
    finished(2, 65), // too old, and a live run waits for it
    finished(3, 64, { attempts: [{ ...silent, lostAfterMs: null, graceMs: 0 }] }), // its host may still run it
    finished(4, 40), // enough newer ones
    finished(5, 29), // enough newer ones, but its key is promised
    finished(6, 2, { slot }), // enough newer ones, and it has no key
    finished(7, 0.5, { slot }), // not before a day has gone by
    finished(8, 0.4),
    finished(9, 0.3),
    finished(10, 0.2),
    finished(11, 70, { job: "kept for ever" }),
    finished(12, 50, { job: "another" }),
  ])
    await site.write(run);
  const [{ index, keeper }, other] = [await site.server({ needed: ["run00002"] }), await site.server()];
  const endings = [...index.endings()];
  await keeper.round();
  const kept = ["2", "3", "5", "7", "8", "9", "10", "11", "12"];
  expect(listed(index)).toEqual(kept);
  await vi.waitFor(() => expect(listed(other.index)).toEqual(kept));
  expect(await readdir(join(site.directory, "runs", "nightly"))).toHaveLength(7);
  expect(await site.history.find("nightly", "run00001")).toBeUndefined();
  const later = await site.server();
  expect(listed(later.index)).toEqual(kept);
  // How runs have ended is as it was: on the server that removed them, on another one, and after a start.
  for (const one of [index, other.index, later.index]) expect([...one.endings()]).toEqual(endings);
});

test("the parts of a run stay as long as the whole, count for nothing, and go with it", async () => {
  await using site = await openSite();
  const part = (nth: number, of: number, days: number): Run =>
    finished(nth, days, { partOf: `run${String(of).padStart(5, "0")}` });
  for (const run of [
    part(1, 3, 90), // their whole is too old
    part(2, 3, 70),
    finished(3, 70),
    part(6, 8, 90),
    part(7, 8, 70), // a live run waits for it
    finished(8, 70),
    part(4, 5, 90),
    finished(5, 50), // not too old
    finished(9, 45),
  ])
    await site.write(run);
  const { index, keeper } = await site.server({ kept: { days: 60, runs: 3 }, needed: ["run00007"] });
  await keeper.round();
  expect(listed(index)).toEqual(["5", "8", "9"]);
  const there = (nth: number): boolean => index.has(`run${String(nth).padStart(5, "0")}`);
  expect([1, 2, 3, 4, 5, 6, 7, 8, 9].filter(there)).toEqual([4, 5, 6, 7, 8, 9]);
  expect(await readdir(join(site.directory, "runs", "nightly"))).toHaveLength(6);
});

test("a removal that broke off is ended by the next server, and counted once", async () => {
  await using site = await openSite();
  for (let nth = 1; nth <= 4; nth++) await site.write(finished(nth, 100 - nth));
  const first = await site.server({ isCutOff: true });
  const endings = [...first.index.endings()];
  await expect(first.keeper.round()).rejects.toThrow("NATS does not answer");
  expect([...first.index.endings()]).toEqual(endings);
  const next = await site.server({ kept: { days: null, runs: null } }); // not by its own rule: it is named already
  expect(listed(next.index)).toHaveLength(4);
  await next.keeper.round();
  expect(listed(next.index)).toEqual([]);
  expect([...next.index.endings()]).toEqual(endings);
});

test("a run that has the id of one that was removed is another one", async () => {
  await using site = await openSite();
  await site.write(finished(1, 100));
  const { index, keeper } = await site.server();
  await keeper.round();
  expect(listed(index)).toEqual([]);
  index.add(finished(1, 0), 99);
  await keeper.round();
  expect(listed(index)).toEqual(["1"]);
  expect([...index.endings()]).toEqual([{ state: "failed", reason: "exit", count: 2 }]);
});

test("more than fit into one message go one after the other; none while this server may not decide", async () => {
  await using site = await openSite();
  const runs = Array.from({ length: 1_100 }, (_, nth) => finished(nth, 100));
  await Promise.all(runs.map((run) => site.history.write(run)));
  let mayDecide = false;
  const { index, keeper } = await site.server({ mayDecide: () => mayDecide });
  await expect(keeper.round()).rejects.toMatchObject({ code: "no-deciding-server" });
  expect(index.said.sequence).toBe(0);
  mayDecide = true;
  await keeper.round();
  expect(listed(index)).toEqual([]);
});

test("a server that may not decide any more removes no further one of those that it named", async () => {
  await using site = await openSite();
  for (let nth = 1; nth <= 4; nth++) await site.write(finished(nth, 100 - nth));
  let asked = 0;
  const { index, keeper } = await site.server({ mayDecide: () => asked++ < 3 }); // once for all of them, then for each
  await expect(keeper.round()).rejects.toMatchObject({ code: "no-deciding-server" });
  expect(listed(index)).toEqual(["3", "4"]);
  expect(await readdir(join(site.directory, "runs", "nightly"))).toHaveLength(2);
});
