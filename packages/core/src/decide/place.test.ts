import { expect, test } from "vitest";
import { currentAttempt, hostOf, type Run } from "../domain/run.ts";
import {
  after,
  contextOf,
  sampleAgent,
  sampleEvidence,
  sampleRun,
  sampleSubmission,
  silentAgent,
  viewOf,
  written,
} from "../testing/sample-runs.ts";
import { decideEvidence } from "./evidence.ts";
import { reconcile } from "./reconcile.ts";
import { decideSubmit } from "./submit.ts";
import type { AgentView } from "./view.ts";

const anyWeb = { kind: "any", labels: "role=web" } as const;

function agent(id: string, change: Partial<AgentView> = {}): AgentView {
  return sampleAgent({ id, name: id, labels: { role: "web" }, ...change });
}

/** Where a run for any web host goes, or what it waits for. */
function placed(agents: readonly AgentView[], target: Run["target"] = anyWeb): string | undefined {
  const run = written(decideSubmit(viewOf(), sampleSubmission({ target }), contextOf(agents)));
  return currentAttempt(run)?.agent ?? run.waitingFor;
}

test.each<[string, string, readonly AgentView[]]>([
  ["a host that matches", "b", [agent("a", { labels: {} }), agent("b")]],
  [
    "the least loaded, by its slots",
    "b",
    [agent("a", { slots: 2, assigned: 1 }), agent("b", { slots: 8, assigned: 2 })],
  ],
  [
    "of equally loaded ones the one that was idle for longest",
    "b",
    [agent("a", { usedAtMs: 7 }), agent("b", { usedAtMs: 5 })],
  ],
  ["one that was never used before one that was", "b", [agent("a", { usedAtMs: 7 }), agent("b")]],
  ["no host that drains", "b", [agent("a", { isDraining: true }), agent("b", { assigned: 1 })]],
  [
    "no host without contact",
    "b",
    [{ ...silentAgent(), id: "a", labels: { role: "web" } }, agent("b", { assigned: 1 })],
  ],
  ["a slot, when all are taken", "slot", [agent("a", { assigned: 2 })]],
  ["an agent, when none that matches is there", "agent", [agent("a", { labels: {} })]],
  ["an agent that drains", "draining", [agent("a", { isDraining: true })]],
])("any: %s", (_, expected, agents) => {
  expect(placed(agents)).toBe(expected);
});

test("what is preferred goes before load, the first preference before the second", () => {
  const target = { ...anyWeb, prefer: ["zone=eu", "ssd"] };
  const us = agent("us", { labels: { role: "web", zone: "us", ssd: "" } });
  const eu = agent("eu", { labels: { role: "web", zone: "eu" }, assigned: 1 });
  const euSsd = agent("eu-ssd", { labels: { role: "web", zone: "eu", ssd: "" }, assigned: 1 });
  expect(placed([us, eu], target)).toBe("eu");
  expect(placed([us, eu, euSsd], target)).toBe("eu-ssd");
  expect(placed([us, { ...eu, assigned: 2 }], target)).toBe("us");
});

test("an agent by its name that drains is assigned nothing", () => {
  expect(placed([sampleAgent({ isDraining: true })], sampleSubmission().target)).toBe("draining");
});

test.each([
  ["drains", [agent("a", { isDraining: true })]],
  ["is not there", []],
])("a run that is not to wait is refused when all that may take it %s", (_, agents) => {
  const submission = sampleSubmission({ target: anyWeb, policy: { whenUnavailable: "reject" } });
  expect(decideSubmit(viewOf(), submission, contextOf(agents))).toMatchObject({
    kind: "reject",
    error: { code: "agent-unavailable", field: "on" },
  });
  // A busy host is there: it waits for a slot.
  const busy = written(decideSubmit(viewOf(), submission, contextOf([agent("a", { assigned: 2 })])));
  expect(busy.waitingFor).toBe("slot");
});

test("a run that is not to wait, and whose time comes while nobody is there, is skipped", () => {
  const run = sampleRun({
    state: "submitted",
    target: anyWeb,
    whenUnavailable: "reject",
    times: { submittedAt: "2026-03-01T11:00:00.000Z", dueAt: "2026-03-01T11:59:00.000Z" },
  });
  expect(written(reconcile(viewOf(run), contextOf([])))).toMatchObject({ state: "skipped", reason: "no-agent" });
});

test("a host that refuses a run for good is passed over, until there is no other", () => {
  const context = contextOf([agent("a"), agent("b")]);
  const refusal = { code: "interpreter-missing", message: "There is no “ruby”." } as const;
  const first = written(decideSubmit(viewOf(), sampleSubmission({ target: anyWeb }), context));
  const { agent: to, number } = currentAttempt(first)!;
  expect([to, hostOf(first)]).toEqual(["a", "a"]);
  const evidence = sampleEvidence({ run: first.run, attempt: number, phase: "refused", refusal });
  const back = written(decideEvidence(viewOf(first), { agent: "a", evidence }, context));
  expect(back).toMatchObject({ state: "pending", waitingFor: "agent", excluded: ["a"] });
  const later = contextOf([agent("a"), agent("b")], { now: "2026-03-01T12:10:00.000Z" });
  const second = written(reconcile(viewOf(back), later));
  expect(currentAttempt(second)?.agent).toBe("b");
  const again = sampleEvidence({ run: first.run, attempt: 2, phase: "refused", refusal });
  expect(written(decideEvidence(viewOf(second), { agent: "b", evidence: again }, later))).toMatchObject({
    state: "failed",
    reason: "refused-by-agent",
  });
});

test("a host that has refused a run for a moment gets it again only when no other is free", () => {
  const short = agent("a");
  const run = written(decideSubmit(viewOf(), sampleSubmission({ target: anyWeb }), contextOf([short])));
  const refusal = { code: "no-room", message: "It has no processes." } as const;
  const evidence = sampleEvidence({ run: run.run, phase: "refused", refusal });
  const refused = written(decideEvidence(viewOf(run), { agent: "a", evidence }, contextOf([short])));
  const again = (agents: readonly AgentView[]): string | undefined =>
    currentAttempt(written(reconcile(viewOf(refused), contextOf(agents, { now: after(60_000) }))))?.agent;
  expect(again([short, agent("b", { assigned: 1 })])).toBe("b");
  expect(again([short, agent("b", { assigned: 2 })])).toBe("a");
});
