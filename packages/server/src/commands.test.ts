import { JobsError } from "@jobs/core";
import { decideCancel, decideHold, decideRelease } from "@jobs/core/decide";
import { AuditStore, connectNats, serveCommands, type NatsLink } from "@jobs/core/jetstream";
import { startNats } from "@jobs/core/testing";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { Commands, type RunAction } from "./commands.ts";
import { SettingsKeeper } from "./duties/settings-keeper.ts";
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
  const notAsked = (): Promise<never> => Promise.reject(new JobsError("internal", "not asked here"));
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
    eraser: { erase: notAsked },
    enroller: { change: notAsked },
    settings: new SettingsKeeper({ store, jobs, assertMayDecide }),
    audit: new AuditStore(link),
    jobs,
    agents,
    assertMayDecide,
    now: () => AT,
    monotonicMs,
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
