import { expect, test } from "vitest";
import { hear, sampleAgent, sampleAgents } from "../testing/sample-agents.ts";
import { AT } from "../testing/sample-run.ts";
import type { AgentsProjection } from "./agents-projection.ts";

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

test("after a restore some are unheard until each that was known before was heard since then", () => {
  const restored = String(Date.parse(AT));
  const agents = sampleAgents(sampleAgent("old", { epoch: "1000" }), sampleAgent("new", { epoch: restored }));
  expect(agents.isAnyUnheard(restored)).toBe(true);
  hear(agents, "old", 60_000); // before it
  expect(agents.isAnyUnheard(restored)).toBe(true);
  hear(agents, "old");
  expect(agents.isAnyUnheard(restored)).toBe(false);
});
