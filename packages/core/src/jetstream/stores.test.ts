import { expect, test, vi } from "vitest";
import type { Evidence } from "../domain/evidence.ts";
import type { Run } from "../domain/run.ts";
import type { Beat, HostReport } from "../protocol/messages.ts";
import { startNats } from "../testing/index.ts";
import { openStores } from "../testing/nats-link.ts";
import { AGENT, sampleEvidence, sampleRun } from "../testing/sample-runs.ts";
import { AgentStore } from "./agent-store.ts";
import { AgentBeats, BeatStore } from "./beat-store.ts";
import { EvidenceStore } from "./evidence-store.ts";
import { HistoryStore } from "./history-store.ts";
import { JobStore } from "./job-store.ts";
import { STREAMS } from "./topology.ts";
import type { StreamWatch } from "./watch.ts";

const fail = (error: unknown): void => expect.unreachable(String(error));
const nothing = (): void => undefined;

function sampleBeat(number: number, session = "s1"): Beat {
  return { v: 1, session, number, licence: { session, number: 1 }, held: [], inbox: true };
}

const report: HostReport = {
  v: 1,
  agent: AGENT,
  name: "host-a",
  version: "1",
  slots: 2,
  labels: {},
  path: [],
  programs: [],
};

test("a finished run is written once; a second write changes nothing", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const history = new HistoryStore(link);
  expect(await history.find("nightly", "run00001")).toBeUndefined();
  const run = sampleRun({ state: "completed", reason: "exit" });
  expect(await history.write(run)).toMatchObject({ kind: "stored" });
  expect(await history.write({ ...run, state: "failed" })).toEqual({ kind: "conflict" });
  expect(await history.find("nightly", "run00001")).toEqual(run);
  expect(await history.find("other", "run00001")).toBeUndefined();
  const seen: string[] = [];
  const watch = history.watch({
    onMark: () => undefined,
    onErasure: nothing,
    onRun: ({ state }) => void seen.push(state),
    onUnreadable: fail,
    onRemoved: fail,
    onForgotten: fail,
    onReady: () => void seen.push("READY"),
    onReset: nothing,
    onError: fail,
  });
  await vi.waitFor(() => expect(seen).toEqual(["completed", "READY"]));
  await watch.stop();
});

test("a finished run whose record is of a newer version is told of, and hides none after it", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const history = new HistoryStore(link);
  await history.write({ ...sampleRun({ job: "a b" }), v: 2 } as unknown as Run);
  await link.js.publish("history.nightly.run00002", "not JSON");
  await history.write(sampleRun({ run: "run00003" }));
  const seen: string[] = [];
  const watch = history.watch({
    onMark: nothing,
    onErasure: nothing,
    onRun: ({ run }) => void seen.push(run),
    onUnreadable: (job, run) => void seen.push(`${job}: ${run}`),
    onRemoved: fail,
    onForgotten: fail,
    onReady: () => void seen.push("READY"),
    onReset: nothing,
    onError: fail,
  });
  await vi.waitFor(() => expect(seen).toEqual(["a b: run00001", "nightly: run00002", "run00003", "READY"]));
  await watch.stop();
  for (const [job, run] of [
    ["a b", "run00001"],
    ["nightly", "run00002"],
  ] as const)
    await expect(history.find(job, run)).rejects.toMatchObject({
      code: "store-unavailable",
      message: expect.stringContaining("upgrade this server") as string,
    });
});

test("a finished run that was removed is there no more, and every watch is told; so is what was removed", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const history = new HistoryStore(link);
  const seen: string[] = [];
  const watchIt = () =>
    history.watch({
      onMark: nothing,
      onErasure: fail,
      onRun: ({ run }) => void seen.push(run),
      onUnreadable: fail,
      onRemoved: (run) => void seen.push(`no ${run}`),
      onForgotten: ({ removing }, sequence) => void seen.push(`${removing.length} at ${sequence}`),
      onReady: () => void seen.push("READY"),
      onReset: nothing,
      onError: fail,
    });
  const watch = watchIt();
  await vi.waitFor(() => expect(seen).toEqual(["READY"]));
  await history.write(sampleRun());
  await history.write(sampleRun({ run: "run00002" }));
  const removing = [{ job: "nightly", run: "run00001", endedAtMs: 7 }];
  const forgotten = { v: 1, endings: [{ state: "failed", reason: "lost", count: 3 }], removing } as const;
  expect(await history.writeForgotten({ ...forgotten, endings: [], removing }, 0)).toEqual({
    kind: "stored",
    sequence: 3,
  });
  expect(await history.writeForgotten({ ...forgotten, endings: [], removing }, 0)).toEqual({ kind: "conflict" });
  for (let times = 0; times < 2; times++) await history.remove("nightly", "run00001");
  expect(await history.find("nightly", "run00001")).toBeUndefined();
  const told = ["READY", "run00001", "run00002", "1 at 3", "no run00001", "no run00001"];
  await vi.waitFor(() => expect(seen).toEqual(told));
  await watch.stop();
  seen.length = 0;
  const later = watchIt();
  await vi.waitFor(() => expect(seen).toEqual(["run00002", "1 at 3", "no run00001", "READY"]));
  await later.stop();
});

test("a job's history is erased up to an instant: whoever watches hears it, also later, and what comes after stays", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const history = new HistoryStore(link);
  const watched = (): string[] => {
    const seen: string[] = [];
    const watch = history.watch({
      onMark: nothing,
      onErasure: (job, before, isDone) => void seen.push(`${job} before ${before}${isDone ? ", done" : ""}`),
      onRun: ({ job, run }, sequence) => void seen.push(`${job} ${run} at ${sequence}`),
      onUnreadable: fail,
      onRemoved: fail,
      onForgotten: fail,
      onReady: () => void seen.push("READY"),
      onReset: nothing,
      onError: fail,
    });
    watches.push(watch);
    return seen;
  };
  const watches: StreamWatch[] = [];
  await history.write(sampleRun({ job: "a b" }));
  await history.write(sampleRun({ job: "other", run: "run00002" }));
  const said = { at: "2026-03-01T12:00:00.000Z", by: "ada" };
  expect(await history.findDeletion("a b")).toBeUndefined();
  const sequence = await history.erase("a b", said);
  await history.write(sampleRun({ job: "a b", run: "run00003" }));
  const early = watched();
  await vi.waitFor(() =>
    expect(early).toEqual(["a b run00001 at 1", "other run00002 at 2", "a b before 3", "a b run00003 at 4", "READY"]),
  );
  await history.purge("a b", sequence);
  await vi.waitFor(() => expect(early.at(-1)).toBe("a b before 3, done"));
  expect(await history.find("a b", "run00001")).toBeUndefined();
  expect(await history.find("other", "run00002")).toBeDefined();
  const late = watched();
  await vi.waitFor(() =>
    expect(late).toEqual(["other run00002 at 2", "a b run00003 at 4", "a b before 3, done", "READY"]),
  );
  expect(await history.findDeletion("a b")).toEqual({ ...said, sequence }); // also once it is carried out
  await history.erase("a b", said);
  await expect(history.purge("a b", sequence)).rejects.toThrow();
  for (const watch of watches) await watch.stop();
});

test("evidence counts only for the attempt and the agent that its subject names", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new EvidenceStore(link);
  const seen: [string, Evidence][] = [];
  const watch = store.watch({
    onEvidence: (agent, evidence) => void seen.push([agent, evidence]),
    onReady: nothing,
    onError: nothing,
  });
  const own = sampleEvidence();
  // What the body says of run and attempt must be what the agent was allowed to publish on.
  await link.js.publish("agt.agent-b.evt.run00001.2", JSON.stringify(own));
  await link.js.publish("agt.agent-b.evt.run00002.1", JSON.stringify(own));
  await link.js.publish("agt.agent-b.evt.run00001.1.more", JSON.stringify(own));
  await link.js.publish("agt.agent-b.evt.run00001.x", JSON.stringify(own));
  await link.js.publish("agt.agent-b.evt.run00003.1", "not JSON");
  await store.put("agent-b", own);
  await store.put(AGENT, { ...own, revision: 2 });
  await vi.waitFor(() => expect(seen.at(-1)).toEqual([AGENT, { ...own, revision: 2 }]));
  expect(seen).toEqual([
    ["agent-b", own],
    [AGENT, { ...own, revision: 2 }],
  ]);
  await store.clear({ agent: AGENT, run: own.run, attempt: own.attempt });
  expect(await link.jsm.streams.getMessage(STREAMS.events, { last_by_subj: `agt.${AGENT}.evt.run00001.1` })).toBeNull();
  expect(
    await link.jsm.streams.getMessage(STREAMS.events, { last_by_subj: "agt.agent-b.evt.run00001.1" }),
  ).not.toBeNull();
  await watch.stop();
});

test("beats form a chain: each names the one before, and who names another one has lost", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const beats = new AgentBeats(link, AGENT);
  expect(await beats.last()).toBeUndefined();
  const first = await beats.beat(sampleBeat(1), 0);
  if (first.kind !== "stored") throw new Error(first.kind);
  const second = await beats.beat(sampleBeat(2), first.sequence);
  if (second.kind !== "stored") throw new Error(second.kind);
  const clone = new AgentBeats(link, AGENT);
  for (const previous of [0, first.sequence, second.sequence + 1])
    expect(await clone.beat(sampleBeat(2, "clone"), previous)).toEqual({ kind: "conflict" });
  expect(await beats.last()).toEqual({ beat: sampleBeat(2), sequence: second.sequence });
  expect(await new AgentBeats(link, "agent-b").beat(sampleBeat(1), 0)).toMatchObject({ kind: "stored" });
});

test("the server sees beats, hosts and leases, and after the loss of BEATS it begins anew", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new BeatStore(link);
  const seen: unknown[] = [];
  const watch = store.watch({
    onBeat: (agent, { number }) => void seen.push([agent, number]),
    onHost: (agent, { name }) => void seen.push([agent, name]),
    onLease: ({ server, term }) => void seen.push([server, term]),
    onReady: () => void seen.push("READY"),
    onReset: () => void seen.push("RESET"),
    onError: fail,
  });
  await vi.waitFor(() => expect(seen).toEqual(["READY"]));
  const beats = new AgentBeats(link, AGENT);
  await beats.report(report);
  await beats.beat(sampleBeat(1), 0);
  expect(await store.lease({ v: 1, server: "one", term: 1 }, 0)).toMatchObject({ kind: "stored" });
  expect(await store.lease({ v: 1, server: "two", term: 2 }, 0)).toEqual({ kind: "conflict" });
  await vi.waitFor(() =>
    expect(seen.slice(1)).toEqual([
      [AGENT, "host-a"],
      [AGENT, 1],
      ["one", 1],
    ]),
  );
  await nats.nodes[0]?.kill("SIGKILL");
  await nats.nodes[0]?.start();
  await using again = await openStores(nats);
  expect(await new AgentBeats(again, AGENT).last()).toBeUndefined();
  expect(await new AgentBeats(again, AGENT).beat(sampleBeat(7), 0)).toMatchObject({ kind: "stored" });
  await vi.waitFor(() => expect(seen.slice(4)).toEqual(expect.arrayContaining(["RESET", [AGENT, 7]])), {
    timeout: 15_000,
  });
  expect(seen[4]).toBe("RESET");
  await watch.stop();
});

test("the record of an agent is kept, and told to who watches", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new AgentStore(link);
  const record = {
    v: 1 as const,
    id: AGENT,
    name: "host-a",
    slots: 2,
    labels: { os: "linux" },
    enrolledAt: "2026-03-01T12:00:00.000Z",
    later: 1,
  };
  expect(await store.put(record, 0)).toMatchObject({ kind: "stored" });
  expect(await store.put(record, 0)).toEqual({ kind: "conflict" });
  const seen: unknown[] = [];
  const watch = store.watch({
    onAgent: (one, sequence) => void seen.push(one, sequence),
    onMark: (...mark) => void seen.push(mark),
    onReset: () => undefined,
    onReady: () => void seen.push("READY"),
    onError: fail,
  });
  await vi.waitFor(() => expect(seen).toEqual([record, 1, "READY"]));
  await store.put({ ...record, slots: 3 }, 1);
  await store.mark("server-1", "mark-1");
  await vi.waitFor(() => expect(seen.slice(3)).toEqual([{ ...record, slots: 3 }, 2, ["server-1", "mark-1"]]));
  await watch.stop();
});

test("a server's mark comes back through its watch after all that was written before it", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new JobStore(link);
  const seen: string[] = [];
  const watch = store.watch({
    isKnown: () => false,
    onEntry: ({ job }) => void seen.push(job),
    onSettings: () => undefined,
    onMark: (server, mark) => void seen.push(`${server}: ${mark}`),
    onReady: nothing,
    onReset: nothing,
    onError: fail,
  });
  for (const job of ["a", "b"]) await store.write(sampleRun({ job }), 0);
  await store.mark("server-1", "mark 1");
  await store.mark("server-1", "mark 2");
  await store.write(sampleRun({ job: "c" }), 0);
  await vi.waitFor(() => expect(seen.at(-1)).toBe("c"));
  expect(seen.filter((one) => one !== "server-1: mark 1")).toEqual(["a", "b", "server-1: mark 2", "c"]);
  expect((await store.read("_mark")).entries).toEqual([]); // a job of that name is none of the server's marks
  await watch.stop();
});
