import { headers } from "@nats-io/transport-node";
import { expect, test, vi } from "vitest";
import { startNats } from "../testing/index.ts";
import { openLink, openStores } from "../testing/nats-link.ts";
import { sampleEvidence } from "../testing/sample-runs.ts";
import { AgentBeats } from "./beat-store.ts";
import { EvidenceStore } from "./evidence-store.ts";
import { AgentInbox, InboxStore } from "./inbox-store.ts";
import { LogStore } from "./log-store.ts";
import { agentInboxPrefix, agentPermissions } from "./permissions.ts";
import { STREAMS } from "./topology.ts";

const ADMIN = { user: "admin", password: "a" };
const AGENTS = ["agent-a", "agent-b"].map((agent) => ({
  user: agent,
  password: "b",
  permissions: agentPermissions(agent),
}));
const beat = { v: 1 as const, session: "s", number: 1, licence: { session: "s", number: 1 }, held: [], inbox: true };

test("an agent may say what is its own, pull from its inbox and read its last beat; and nothing else", async () => {
  await using nats = await startNats({ users: [ADMIN, ...AGENTS] });
  await using admin = await openStores(nats, ADMIN);
  await using own = await openLink(nats, { user: "agent-a", password: "b", inboxPrefix: agentInboxPrefix("agent-a") });
  const refusals: string[] = [];
  void (async () => {
    for await (const status of own.connection.status())
      if (status.type === "error") refusals.push(String(status.error));
  })();
  const inboxes = new InboxStore(admin);
  for (const { user } of AGENTS) {
    await inboxes.ensureConsumer(user);
    await inboxes.put(user, { v: 1, kind: "release", run: "run00001", attempt: 1 });
  }
  await new AgentBeats(admin, "agent-b").beat(beat, 0);

  // What it may.
  await new EvidenceStore(own).put("agent-a", sampleEvidence());
  await new LogStore(own).append(
    { agent: "agent-a", run: "run00001", attempt: 1 },
    { offset: 0, bytes: new Uint8Array(1) },
  );
  const beats = new AgentBeats(own, "agent-a");
  expect(await beats.beat(beat, 0)).toMatchObject({ kind: "stored" });
  expect((await beats.last())?.beat).toEqual(beat);
  const runs: string[] = [];
  const inbox = new AgentInbox(own, "agent-a", {
    onMessage: ({ run }) => void runs.push(run),
    onReachable: () => undefined,
    onInvalid: () => undefined,
  });
  inbox.start();
  await vi.waitFor(() => expect(runs).toEqual(["run00001"]));
  await own.connection.flush();
  expect(refusals).toEqual([]);
  await vi.waitFor(async () =>
    expect((await admin.jsm.consumers.info(STREAMS.inbox, "agent-a")).num_ack_pending).toBe(0),
  );

  // What it may not.
  const forbidden = [
    "agt.agent-b.evt.run00001.1",
    "agt.agent-b.log.run00001.1",
    "agt.agent-b.beat",
    "$KV.jobs.nightly.run.run00001",
    "$KV.agents.agent-a",
    "history.nightly.run00001",
    "inbox.agent-a.run00001.1.start",
    "srv.lease",
    "cmd.server",
    `$JS.API.CONSUMER.MSG.NEXT.${STREAMS.inbox}.agent-b`,
    `$JS.ACK.${STREAMS.inbox}.agent-b.1.1.1.1.0`,
    `$JS.API.DIRECT.GET.${STREAMS.beats}.agt.agent-b.beat`,
    `$JS.API.DIRECT.GET.${STREAMS.beats}`,
    `$JS.API.STREAM.MSG.GET.${STREAMS.jobs}`,
    `$JS.API.STREAM.PURGE.${STREAMS.events}`,
    `$JS.API.STREAM.INFO.${STREAMS.jobs}`,
    `$JS.API.CONSUMER.CREATE.${STREAMS.inbox}`,
    "$SRV.PING",
  ];
  for (const subject of forbidden) own.connection.publish(subject, "{}");
  await own.connection.flush();
  await vi.waitFor(() => expect(refusals).toHaveLength(forbidden.length));
  for (const subject of forbidden) expect(refusals.join()).toContain(`Publish to "${subject}"`);
  const { state } = await admin.jsm.streams.info(STREAMS.jobs);
  expect(state.messages).toBe(0);

  // What it may not hear.
  const subscriptions = [">", "_INBOX.>", "_INBOX_agent-b.>", "agt.>", "inbox.agent-a.>", "$KV.jobs.>"];
  for (const subject of subscriptions) own.connection.subscribe(subject, { callback: () => undefined });
  await own.connection.flush();
  await vi.waitFor(() => expect(refusals).toHaveLength(forbidden.length + subscriptions.length));
  await inbox.stop();
});

test("an agent cannot wipe a stream with the headers that it may send", async () => {
  await using nats = await startNats({ users: [ADMIN, ...AGENTS] });
  await using admin = await openStores(nats, ADMIN);
  await using own = await openLink(nats, { user: "agent-a", password: "b", inboxPrefix: agentInboxPrefix("agent-a") });
  await new EvidenceStore(admin).put("agent-b", sampleEvidence());
  await new AgentBeats(admin, "agent-b").beat(beat, 0);
  for (const subject of ["agt.agent-a.evt.run00001.1", "agt.agent-a.log.run00001.1", "agt.agent-a.beat"]) {
    for (const [name, value] of [
      ["Nats-Rollup", "all"],
      ["Nats-TTL", "1s"],
      ["Nats-Schedule", "@at 2020-01-01T00:00:00Z"],
    ] as const) {
      const head = headers();
      head.set(name, value);
      await expect(own.js.publish(subject, "{}", { headers: head })).rejects.toThrow(/roll|ttl|schedul/i);
    }
  }
  expect((await admin.jsm.streams.info(STREAMS.events)).state.messages).toBe(1);
  expect((await admin.jsm.streams.info(STREAMS.beats)).state.messages).toBe(1);
});
