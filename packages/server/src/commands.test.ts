import { JobsError } from "@jobs/core";
import { decideCancel, decideHold, decideRelease } from "@jobs/core/decide";
import { AuditStore, connectNats } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test } from "vitest";
import { Commands, type RunAction } from "./commands.ts";
import { SettingsKeeper } from "./duties/settings-keeper.ts";
import { AT } from "./testing/sample-run.ts";
import { sampleSubmission, startStaleServer } from "./testing/stale-server.ts";

/** Two servers on one NATS: what is asked of the parts of `died` is stored and not audited, as by one that was killed then. */
async function startTakeOver() {
  const nats = await startNats();
  const link = await connectNats({ url: nats.url, name: "test" });
  const died = await startStaleServer(link);
  const next = await startStaleServer(link);
  const audit = new AuditStore(link);
  const assertMayDecide = (): void => undefined;
  const notAsked = (): Promise<never> => Promise.reject(new JobsError("internal", "not asked here"));
  const commands = new Commands({
    link,
    server: "next",
    lease: { holder: "next", whileHeldBy: notAsked },
    decider: next.decider,
    eraser: { erase: notAsked },
    enroller: { change: notAsked },
    settings: new SettingsKeeper({ store: next.store, jobs: next.jobs, assertMayDecide }),
    audit,
    jobs: next.jobs,
    agents: next.agents,
    assertMayDecide,
    now: () => AT,
    monotonicMs: () => performance.now(),
    log: pino({ level: "silent" }),
  });
  return {
    commands,
    died,
    next,
    entries: () => audit.list(100),
    async [Symbol.asyncDispose]() {
      await link.connection.close();
      await nats[Symbol.asyncDispose]();
    },
  };
}

test("a change of a job by a server that died before it was audited gets its one entry when it is asked for again", async () => {
  await using servers = await startTakeOver();
  const { commands, died, entries } = servers;
  const policy = { overlap: "queue" } as const;
  await died.decider.define("nightly", { by: "ada", policy });
  for (let times = 0; times < 2; times++) await commands.define("nightly", { by: "ada", policy });
  const defined = { v: 1, at: AT, by: "ada", action: "define", job: "nightly", policy };
  expect(await entries()).toEqual([defined]);
  await commands.define("nightly", { by: "bob", policy }); // it is so already, and was not made so by bob
  expect(await entries()).toEqual([defined]);
  await commands.define("nightly", { by: "ada", pause: { note: "upgrade" } });
  await commands.define("nightly", { by: "ada", policy }); // what changed last is the pause
  expect(await entries()).toMatchObject([{ action: "pause", note: "upgrade" }, defined]);
});

test("a deletion by a server that died before it was audited gets its one entry when it is asked for again", async () => {
  await using servers = await startTakeOver();
  const { commands, died, next, entries } = servers;
  await died.decider.define("nightly", { by: "ada", pause: {} });
  const { definition, sequence } = await died.decider.define("nightly", { by: "ada", resume: true });
  if (definition === undefined) throw new Error("it was saved");
  next.jobs.announce({ kind: "definition", definition }, sequence);
  await died.decider.delete("nightly");
  await commands.delete("nightly", "ada");
  expect(await entries()).toEqual([{ v: 1, at: AT, by: "ada", action: "delete", job: "nightly" }]);
  await commands.delete("nightly", "ada"); // nothing was said of it any more
  expect(await entries()).toHaveLength(1);
});

test("what was done to a run by a server that died before it was audited gets its one entry when it is asked for again", async () => {
  await using servers = await startTakeOver();
  const { commands, died, next, entries } = servers;
  const { run, job } = sampleSubmission();
  const request = { run, by: "ada" };
  const again = async (action: RunAction, by = "ada"): Promise<void> => {
    for (const entry of await next.store.readAfter(job, 0)) next.jobs.apply(entry);
    for (let times = 0; times < 2; times++) await commands.act(action, { job, run, by });
  };
  await died.decider.submit(sampleSubmission());
  await again("release"); // it is not held, and never was
  expect(await entries()).toEqual([]);
  await died.decider.ask(job, (view, context) => decideHold(view, request, context));
  await again("hold");
  await died.decider.ask(job, (view, context) => decideRelease(view, request, context));
  await again("release");
  const { run: cancelled } = await died.decider.ask(job, (view, context) => decideCancel(view, request, context));
  await again("cancel", "bob");
  const [released, held] = ["release", "hold"].map((action) => ({ v: 1, at: AT, by: "ada", action, job, run }));
  expect(await entries()).toEqual([released, held]);
  await again("cancel");
  await commands.auditCancellation(cancelled, "ada");
  expect(await entries()).toEqual([{ v: 1, at: AT, by: "ada", action: "cancel", job, run }, released, held]);
});

test("a pause of all jobs by a server that died before it was audited gets its one entry when it is asked for again", async () => {
  await using servers = await startTakeOver();
  const { commands, died, next, entries } = servers;
  const settings = { v: 1, paused: { at: AT, by: "ada", note: "upgrade" } } as const;
  await died.store.writeSettings(settings, 0);
  next.jobs.applySettings(settings, 1);
  for (let times = 0; times < 2; times++) await commands.pauseAll("ada", "upgrade");
  expect(await entries()).toEqual([{ v: 1, at: AT, by: "ada", action: "pause-all", note: "upgrade" }]);
});
