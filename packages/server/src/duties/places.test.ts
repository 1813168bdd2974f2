import type { Submission } from "@jobs/core/decide";
import { connectNats, type NatsLink } from "@jobs/core/jetstream";
import { startNats, type NatsFixture } from "@jobs/core/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { hear, sampleAgent } from "../testing/sample-agents.ts";
import { sampleEvidence } from "../testing/sample-run.ts";
import { sampleSubmission, startStaleServer } from "../testing/stale-server.ts";
import type { Decided } from "./decided.ts";
import type { Decider } from "./decider.ts";
import { Places } from "./places.ts";

let nats: NatsFixture;
let link: NatsLink;
beforeEach(async () => {
  nats = await startNats();
  link = await connectNats({ url: nats.url, name: "test" });
});
afterEach(async () => {
  await link.connection.close();
  await nats[Symbol.asyncDispose]();
});

/** A server that knows one agent, with so many slots; `onLeft` is called the moment that a run leaves one. */
async function withSlots(slots: number, onLeft: (decider: Decider) => void = () => undefined) {
  const { decider, jobs, agents } = await startStaleServer(link);
  agents.onRecord(sampleAgent("alpha", { slots }), 1);
  hear(agents, "alpha");
  const places = new Places({ jobs, agents, decider, reconcile: (job) => decider.reconcile(job) });
  jobs.on("run", (run) => {
    if (run.waitingFor === "slot") places.onWaits(run);
    if (run.state !== "completed") return;
    void places.onLeft("alpha", run.job);
    onLeft(decider);
  });
  /** The host has ended the run of a job. */
  const end = (job: string): Promise<void> => decider.onEvidence("alpha", sampleEvidence({ job, run: idOf(job) }));
  const hasPlace = (job: string): boolean => jobs.find(idOf(job))?.run.attempts.length === 1;
  return { decider, end, hasPlace };
}

function submit(decider: Decider, job: string, change: Partial<Submission> = {}): Promise<Decided> {
  return decider.submit(sampleSubmission({ job, run: idOf(job), ...change }));
}

function idOf(job: string): string {
  return `run0000${job}`;
}

test("a submission that comes the moment a place is left does not get it before a run that waits", async () => {
  let late: Promise<Decided> | undefined;
  const { decider, end, hasPlace } = await withSlots(1, (server) => void (late ??= submit(server, "c")));
  await submit(decider, "a");
  expect((await submit(decider, "b")).run.waitingFor).toBe("slot");
  await end("a");
  expect((await late)?.run.waitingFor).toBe("slot");
  await vi.waitFor(() => expect(hasPlace("b")).toBe(true));
  // No longer than until then: the next one gets it.
  await end("b");
  await vi.waitFor(() => expect(hasPlace("c")).toBe(true));
  await end("c");
  expect(decider.hasRoom("alpha")).toBe(true);
});

test("a submission that comes the moment a place is left gets it when nobody waits", async () => {
  let late: Promise<Decided> | undefined;
  const { decider, end } = await withSlots(1, (server) => void (late ??= submit(server, "c")));
  await submit(decider, "a");
  await end("a");
  expect((await late)?.run.waitingFor).toBeUndefined();
});

test("a submission that was kept from a place that nobody needed gets it at once", async () => {
  let left = 0;
  let late: Promise<Decided> | undefined;
  const { decider, end, hasPlace } = await withSlots(2, (server) => {
    left += 1;
    if (left === 2) late = submit(server, "d");
  });
  await submit(decider, "a");
  await submit(decider, "b");
  expect((await submit(decider, "c")).run.waitingFor).toBe("slot");
  // Each end keeps a place for the one that waits.
  await Promise.all([end("a"), end("b")]);
  await late;
  await vi.waitFor(() => expect([hasPlace("c"), hasPlace("d")]).toEqual([true, true]));
});

test("when places are left at once, a run that was behind one of those that left goes before a less urgent one", async () => {
  const { decider, end, hasPlace } = await withSlots(2);
  await submit(decider, "a");
  await submit(decider, "c");
  await submit(decider, "b", { policy: { priority: 9 } });
  await submit(decider, "a", { run: idOf("next"), policy: { overlap: "queue" } });
  await submit(decider, "d", { policy: { priority: 0 } });
  await Promise.all([end("a"), end("c")]);
  await vi.waitFor(() => expect([hasPlace("b"), hasPlace("next") || hasPlace("d")]).toEqual([true, true]));
  expect([hasPlace("next"), hasPlace("d")]).toEqual([true, false]);
  await end("b");
  await vi.waitFor(() => expect(hasPlace("d")).toBe(true));
});

test("a place is kept for the first in line while something else of its job is being decided", async () => {
  let other: Promise<void> | undefined;
  const { decider, end, hasPlace } = await withSlots(1, (server) => {
    other ??= server.alone("b", () => link.connection.flush());
  });
  await submit(decider, "a");
  await submit(decider, "b", { policy: { priority: 9 } });
  await submit(decider, "d", { policy: { priority: 0 } });
  await end("a");
  await other;
  await vi.waitFor(() => expect(hasPlace("b") || hasPlace("d")).toBe(true));
  expect([hasPlace("b"), hasPlace("d")]).toEqual([true, false]);
  await end("b");
  await vi.waitFor(() => expect(hasPlace("d")).toBe(true));
  await end("d");
  expect(decider.hasRoom("alpha")).toBe(true);
});

test("a job of which something is decided all the time takes the place that is kept for it", async () => {
  const { decider, end, hasPlace } = await withSlots(1);
  await submit(decider, "a");
  await submit(decider, "b");
  const look = (): Promise<void> => decider.alone("b", () => link.connection.flush());
  const looks = [look(), look()];
  await end("a");
  for (let nth = 0; nth < 50 && !hasPlace("b"); nth++) {
    looks.push(look()); // the one after the next one: it is never idle
    await looks[nth];
  }
  expect(hasPlace("b")).toBe(true);
  await Promise.all(looks);
});
