import { expect, test, vi } from "vitest";
import type { InboxMessage } from "../protocol/messages.ts";
import { startNats } from "../testing/index.ts";
import { openStores, type OpenLink } from "../testing/nats-link.ts";
import { AGENT } from "../testing/sample-runs.ts";
import { AgentInbox, InboxStore } from "./inbox-store.ts";
import { STREAMS } from "./topology.ts";

const release = (run: string, attempt = 1): InboxMessage => ({ v: 1, kind: "release", run, attempt });

interface Pulled extends AsyncDisposable {
  readonly runs: string[];
  readonly invalid: string[];
  isReachable: boolean;
}

function pull(link: OpenLink, agent = AGENT): Pulled {
  const inbox = new AgentInbox(link, agent, {
    onMessage: ({ run }) => void pulled.runs.push(run),
    onReachable: (isReachable) => (pulled.isReachable = isReachable),
    onInvalid: (subject) => void pulled.invalid.push(subject),
  });
  const pulled: Pulled = { runs: [], invalid: [], isReachable: false, [Symbol.asyncDispose]: () => inbox.stop() };
  inbox.start();
  return pulled;
}

test("an agent gets its own messages, those from before it came, too; one that is not readable does not stop the others", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new InboxStore(link);
  await store.ensureConsumer(AGENT);
  await store.ensureConsumer(AGENT);
  await store.put(AGENT, release("run00001"));
  await store.put("agent-b", release("run00002"));
  await link.js.publish(`inbox.${AGENT}.run00003.1.start`, "not JSON");
  await using pulled = pull(link);
  await store.put(AGENT, release("run00004"));
  await vi.waitFor(() => expect(pulled.runs).toEqual(["run00001", "run00004"]));
  expect(pulled.invalid).toEqual([`inbox.${AGENT}.run00003.1.start`]);
  await vi.waitFor(() => expect(pulled.isReachable).toBe(true));
});

test("a message that is sent again comes again, and of two that were not fetched only the last is there", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new InboxStore(link);
  for (let times = 0; times < 2; times++) await store.put(AGENT, release("run00001"));
  expect((await link.jsm.streams.info(STREAMS.inbox)).state.messages).toBe(1);
  await store.ensureConsumer(AGENT);
  await using pulled = pull(link);
  await vi.waitFor(() => expect(pulled.runs).toHaveLength(1));
  await store.put(AGENT, release("run00001"));
  await vi.waitFor(() => expect(pulled.runs).toHaveLength(2));
});

test("what was answered is removed, of that attempt alone", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new InboxStore(link);
  for (const [run, attempt] of [
    ["run00001", 1],
    ["run00001", 2],
    ["run00001", 11],
    ["run00002", 1],
  ] as const)
    await store.put(AGENT, release(run, attempt));
  await store.put("agent-b", release("run00001"));
  await store.clear({ agent: AGENT, run: "run00001", attempt: 1 });
  const { state } = await link.jsm.streams.info(STREAMS.inbox, { subjects_filter: ">" });
  const left = [
    `inbox.${AGENT}.run00001.11.release`,
    `inbox.${AGENT}.run00001.2.release`,
    `inbox.${AGENT}.run00002.1.release`,
    "inbox.agent-b.run00001.1.release",
  ];
  expect(Object.keys(state.subjects ?? {}).toSorted()).toEqual(left.toSorted());
});

test("an agent says that there is nothing to pull from, and goes on once its consumer was made again", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const store = new InboxStore(link);
  await store.ensureConsumer(AGENT);
  await using pulled = pull(link);
  await vi.waitFor(() => expect(pulled.isReachable).toBe(true), { timeout: 5_000 });
  await nats.nodes[0]?.kill("SIGKILL");
  await nats.nodes[0]?.start();
  await using again = await openStores(nats); // INBOX and its consumers were in memory
  await vi.waitFor(() => expect(pulled.isReachable).toBe(false), { timeout: 10_000 });
  await new InboxStore(again).ensureConsumer(AGENT);
  await new InboxStore(again).put(AGENT, release("run00009"));
  await vi.waitFor(() => expect(pulled.runs).toEqual(["run00009"]), { timeout: 10_000 });
  expect(pulled.isReachable).toBe(true);
});
