import { decideCancel, decideHold, decideRelease } from "@jobs/core/decide";
import { AgentStore, AuditStore, connectNats, InboxStore, serveCommands, type NatsLink } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { Commands, type RunAction } from "./commands.ts";
import { Enroller } from "./duties/enroller.ts";
import { HistoryEraser } from "./duties/history-eraser.ts";
import { SettingsKeeper } from "./duties/settings-keeper.ts";
import { Dependents } from "./projection/dependents.ts";
import { HistoryIndex } from "./projection/history-index.ts";
import { AT } from "./testing/sample-run.ts";
import { sampleSubmission, startStaleServer } from "./testing/stale-server.ts";

type Server = Awaited<ReturnType<typeof startStaleServer>>;

interface Asker {
  readonly link: NatsLink;
  readonly server: string;
  readonly deciding: () => string | undefined;
  readonly parts: Server;
  readonly monotonicMs?: () => number;
}

/** A server's commands, as it knows who decides. */
function commandsOf({ link, server, deciding, parts, monotonicMs = () => performance.now() }: Asker): Commands {
  const { decider, jobs, agents, store } = parts;
  const assertMayDecide = (): void => undefined;
  const now = (): string => AT;
  const log = pino({ level: "silent" });
  return new Commands({
    link,
    server,
    lease: {
      get holder() {
        return deciding();
      },
      whileHeldBy: (_, asked) => asked,
    },
    decider,
    eraser: eraserOf(parts, link),
    enroller: new Enroller({
      store: new AgentStore(link),
      inbox: new InboxStore(link),
      agents,
      epoch: () => "epoch",
      now,
      log,
    }),
    settings: new SettingsKeeper({ store, jobs, assertMayDecide }),
    audit: new AuditStore(link),
    jobs,
    agents,
    assertMayDecide,
    now,
    monotonicMs,
    log,
  });
}

/** Of a server that knows of this history. */
function eraserOf({ decider, history, jobs, agents }: Server, link: NatsLink, finished = new HistoryIndex()) {
  return new HistoryEraser({
    decider,
    history,
    finished,
    agents,
    releaser: { release: () => Promise.resolve() },
    artifacts: { removeAll: () => Promise.resolve() },
    dependents: new Dependents(jobs),
    audit: new AuditStore(link),
    now: () => AT,
    log: pino({ level: "silent" }),
  });
}

/** Two servers on one NATS: what is asked of the parts of `died` is stored and not audited, as by one that was killed then. */
async function startTakeOver() {
  const nats = await startNats();
  const link = await connectNats({ url: nats.url, name: "test" });
  const died = await startStaleServer(link);
  const next = await startStaleServer(link);
  const commands = commandsOf({ link, server: "next", deciding: () => "next", parts: next });
  return {
    commands,
    died,
    next,
    link,
    entries: () => new AuditStore(link).list(100),
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

test("the end of a pause of all jobs, and of a drain, by a server that died before it was audited gets its one entry", async () => {
  await using servers = await startTakeOver();
  const { commands, died, next, link, entries } = servers;
  const done = { at: AT, by: "ada" };
  await died.store.writeSettings({ v: 1, resumed: done }, 0);
  next.jobs.applySettings({ v: 1, resumed: done }, 1);
  const record = { v: 1, id: "alpha", name: "alpha", slots: 1, labels: {}, enrolledAt: AT, undrained: done } as const;
  await new AgentStore(link).put(record, 0);
  next.agents.onRecord(record, 1);
  for (const by of ["ada", "ada", "bob"]) {
    await commands.resumeAll(by);
    await commands.undrain("alpha", by);
  }
  expect(await entries()).toEqual([
    { v: 1, ...done, action: "undrain", agent: "alpha" },
    { v: 1, ...done, action: "resume-all" },
  ]);
});

test("what ends a pause of all jobs, or a drain, is audited", async () => {
  await using servers = await startTakeOver();
  const { commands, next, link, entries } = servers;
  const record = { v: 1, id: "alpha", name: "alpha", slots: 1, labels: {}, enrolledAt: AT } as const;
  await new AgentStore(link).put(record, 0);
  next.agents.onRecord(record, 1);
  await commands.resumeAll("ada");
  await commands.undrain("alpha", "ada"); // nothing is paused, and nothing drains
  expect(await entries()).toEqual([]);
  await commands.pauseAll("ada", undefined);
  await commands.resumeAll("bob");
  await commands.drain("alpha", "ada", "disk");
  await commands.undrain("alpha", "bob");
  expect(await entries()).toMatchObject([
    { by: "bob", action: "undrain" },
    { by: "ada", action: "drain", note: "disk" },
    { by: "bob", action: "resume-all" },
    { by: "ada", action: "pause-all" },
  ]);
  expect([next.jobs.settings.settings.paused, next.agents.findRecord("alpha")?.drain]).toEqual([undefined, undefined]);
});

test("a pause of all jobs, or of one, that is given another note takes it, and both are audited", async () => {
  await using servers = await startTakeOver();
  const { commands, died, next, entries } = servers;
  const settings = { v: 1, paused: { at: "2026-03-01T11:00:00.000Z", by: "ada", note: "upgrade" } } as const;
  await died.store.writeSettings(settings, 0);
  next.jobs.applySettings(settings, 1);
  await commands.define("nightly", { by: "ada", pause: { note: "upgrade" } });
  await commands.pauseAll("bob", "disk");
  await commands.define("nightly", { by: "bob", pause: { note: "disk" } });
  expect(next.jobs.settings.settings.paused).toEqual({ at: AT, by: "bob", note: "disk" });
  expect(await entries()).toMatchObject([
    { by: "bob", action: "pause", note: "disk" },
    { by: "bob", action: "pause-all", note: "disk" },
    { by: "ada", action: "pause", note: "upgrade" },
  ]);
});

test("the deletion of a history by a server that died before it was audited gets its one entry, asked for again or not", async () => {
  await using servers = await startTakeOver();
  const { commands, died, next, link, entries } = servers;
  const said = { at: AT, by: "ada" };
  const entry = (job: string): object => ({ v: 1, ...said, action: "delete-history", job });
  await died.history.erase("nightly", said);
  for (const by of ["ada", "ada", "bob"]) await commands.deleteHistory("nightly", by);
  expect(await entries()).toEqual([entry("nightly")]);
  const finished = new HistoryIndex();
  finished.erase("weekly", await died.history.erase("weekly", said));
  eraserOf(next, link, finished).round();
  await expect.poll(() => finished.isErasing("weekly")).toBe(false);
  await commands.deleteHistory("weekly", "ada");
  expect(await entries()).toEqual([entry("weekly"), entry("nightly")]);
});

test("a command that comes again while the deciding server is busy with it is decided once, and answered", async () => {
  await using servers = await startTakeOver();
  const { commands: deciding, next, died: asking, link } = servers;
  await using served = deciding;
  await served.start();
  let copies = 0;
  link.connection.subscribe("cmd.next", { callback: () => void copies++ });
  const decided = vi.spyOn(next.decider, "define");
  let goOn = (): void => undefined;
  const busy = next.decider.alone("nightly", () => new Promise<void>((resolve) => (goOn = resolve)));
  const asker = commandsOf({ link, server: "asking", deciding: () => "next", parts: asking });
  const asked = asker.define("nightly", { by: "ada", pause: {} });
  await expect.poll(() => copies, { timeout: 5_000 }).toBe(2);
  goOn();
  await busy;
  expect(await asked).toMatchObject({ paused: { by: "ada" } });
  expect(decided).toHaveBeenCalledTimes(1);
});

test("of a command that was sent and not answered the outcome is said to be unknown, whatever comes after", async () => {
  await using servers = await startTakeOver();
  const { died: asking, link } = servers;
  let isAsked = false;
  serveCommands(link, "silent", () => {
    isAsked = true;
    return new Promise(() => undefined);
  });
  const monotonicMs = (): number => performance.now() * 6; // it gives up after two tries
  const deciding = (): string | undefined => (isAsked ? undefined : "silent");
  const asker = commandsOf({ link, server: "asking", deciding, parts: asking, monotonicMs });
  await expect(asker.delete("nightly", "ada")).rejects.toMatchObject({
    code: "no-deciding-server",
    message: expect.stringContaining("it is not known whether this was done") as string,
    details: { outcome: "unknown" },
  });
  const without = commandsOf({ link, server: "asking", deciding: () => undefined, parts: asking, monotonicMs });
  await expect(without.delete("nightly", "ada")).rejects.toMatchObject({
    code: "no-deciding-server",
    details: undefined,
  });
});
