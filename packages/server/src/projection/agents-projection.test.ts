import type { Beat } from "@jobs/core";
import { expect, test } from "vitest";
import { hear, sampleAgent, sampleAgents } from "../testing/sample-agents.ts";
import { AT, finishedRun, sampleAttempt } from "../testing/sample-run.ts";
import { AgentsProjection } from "./agents-projection.ts";
import { countsForMs } from "./attempts-on-hosts.ts";
import { HistoryIndex } from "./history-index.ts";
import { JobsProjection } from "./jobs-projection.ts";

const found = (agents: AgentsProjection, name: string): string => agents.resolveName(name, "on").id;

test("an agent is found by its id and by its name, also by a new one, and not by the one it had before", () => {
  const agents = sampleAgents(sampleAgent("a", { name: "web" }), sampleAgent("b", { name: "db" }));
  expect([found(agents, "web"), found(agents, "a"), found(agents, "db")]).toEqual(["a", "a", "b"]);
  agents.onRecord(sampleAgent("a", { name: "web-1" }), 3);
  agents.onRecord(sampleAgent("a", { name: "late" }), 2);
  expect(found(agents, "web-1")).toBe("a");
  for (const name of ["web", "late"])
    expect(() => agents.resolveName(name, "on")).toThrow(/^There is no agent “\w+”\. Known: db, web-1\.$/);
});

test("a name that several have is none's, also when it is the id of another", () => {
  const agents = sampleAgents(
    sampleAgent("a", { name: "web" }),
    sampleAgent("b", { name: "web" }),
    sampleAgent("c", { name: "a" }),
  );
  expect(() => found(agents, "web")).toThrow("2 agents are named “web”: use one of their ids, a, b.");
  expect(() => found(agents, "a")).toThrow("2 agents are named “a”: use one of their ids, a, c.");
  expect(found(agents, "c")).toBe("c");
});

test("a host whose clock is off by ten seconds or more is shown with that, whichever way; one that does not say it is not", () => {
  const agents = sampleAgents(sampleAgent("a"));
  const beat: Beat = { v: 1, session: "s", number: 1, licence: { session: "s", number: 1 }, held: [], inbox: true };
  const shown = (sentAt: string | undefined, ageMs = 0): number | undefined => {
    agents.onBeat("a", { ...beat, ...(sentAt === undefined ? {} : { sentAt }) }, ageMs);
    return agents.list()[0]?.clockAheadMs;
  };
  const at = (aheadMs: number): string => new Date(Date.parse(AT) + aheadMs).toISOString();
  expect([300_000, -300_000, 9_999, -9_999, 10_000].map((aheadMs) => shown(at(aheadMs)))).toEqual([
    300_000,
    -300_000,
    undefined,
    undefined,
    10_000,
  ]);
  expect(shown(at(-60_000), 60_000)).toBeUndefined(); // an old beat that a server hears as it starts
  expect(shown(at(240_000), 60_000)).toBe(300_000);
  expect(shown(undefined)).toBeUndefined();
});

test("an agent that stops is out of contact at once, and in contact as it beats again", () => {
  const agents = sampleAgents(sampleAgent("alpha"));
  const beat: Beat = { v: 1, session: "s", number: 1, licence: { session: "s", number: 1 }, held: [], inbox: true };
  const licence = (change: Partial<Beat>): unknown => {
    agents.onBeat("alpha", { ...beat, ...change }, 0);
    expect(agents.isInContact("alpha")).toBe(agents.get("alpha")?.licence !== undefined);
    return agents.get("alpha")?.licence;
  };
  expect(licence({})).toEqual({ session: "s", number: 1 });
  expect(licence({ number: 2, isLeaving: true, inbox: false })).toBeUndefined();
  expect([...agents.withoutInbox()]).toEqual([]);
  expect(licence({ session: "t", licence: { session: "t", number: 2 } })).toEqual({ session: "t", number: 2 });
});

test("after a restore some are unheard until each that was known before was heard since then", () => {
  const restored = String(Date.parse(AT));
  const agents = sampleAgents(sampleAgent("old", { epoch: "1000" }), sampleAgent("new", { epoch: restored }));
  expect(agents.isAnyUnheard(restored)).toBe(true);
  hear(agents, "old", 60_000); // before it
  expect(agents.isAnyUnheard(restored)).toBe(true);
  hear(agents, "old");
  expect(agents.isAnyUnheard(restored)).toBe(false);
});

test("of a history that is deleted, what was over runs nowhere, and what was ended without its host may run there still", () => {
  const jobs = new JobsProjection({ monotonicMs: () => 0 });
  const finished: HistoryIndex = new HistoryIndex((runs) => agents.onErased(runs));
  const agents = new AgentsProjection({
    monotonicMs: () => 0,
    now: () => AT,
    assignedTo: () => 0,
    usedAtMs: () => undefined,
    countsForMs: (held, listedAtMs) => countsForMs(held, listedAtMs, { jobs, finished }),
  });
  const over = finishedRun({ run: "run00001", attempts: [sampleAttempt({ exit: { exitCode: 0 } })] });
  const resolved = { at: "2026-03-01T12:00:01.000Z", by: "ada" };
  const lost = finishedRun({ run: "run00002", state: "failed", reason: "lost", resolved, attempts: [sampleAttempt()] });
  const held = [over, lost].map(({ job, run }) => ({ job, run, attempt: 1 }));
  agents.onBeat("alpha", { v: 1, session: "s", number: 1, licence: { session: "s", number: 1 }, held, inbox: true }, 0);
  const live = (): string[] => agents.liveOf("nightly").map(({ run }) => run);
  expect(live()).toEqual(["run00001", "run00002"]);
  for (const [index, run] of [over, lost].entries()) finished.add(run, index + 1);
  expect(live()).toEqual([]);
  finished.erase("nightly", 3);
  expect(live()).toEqual(["run00002"]);
});

test("a run for some of the agents that match is refused only when those are too many for one run", () => {
  const ids = Array.from({ length: 1_300 }, (_, index) => `agent-${index}-of-so-many`);
  const agents = sampleAgents(...ids.map((id) => sampleAgent(id, { labels: { role: "web" } })));
  expect(() => agents.resolve({ all: "role=web" })).toThrow(/^1300 agents match/);
  const only = ids.slice(0, 2);
  expect(agents.resolve({ all: "role=web" }, only)).toEqual({ kind: "all", labels: "role=web", only });
});
