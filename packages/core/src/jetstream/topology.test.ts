import { expect, test } from "vitest";
import { startNats, startNatsCluster } from "../testing/index.ts";
import { openLink, type OpenLink } from "../testing/nats-link.ts";
import { ensureTopology, isNotReady, STREAMS } from "./topology.ts";

test("the streams are made once: who comes later finds them, and the name of the store stays", async () => {
  await using nats = await startNats();
  await using one = await openLink(nats);
  await using two = await openLink(nats);
  const made = await Promise.all([ensureTopology(one, () => 111), ensureTopology(two, () => 222)]);
  expect(made[0]).toEqual(made[1]);
  expect(["111", "222"]).toContain(made[0]?.epoch);
  expect(await ensureTopology(one, () => 333)).toEqual(made[0]);
  const names = await one.jsm.streams.names().next();
  expect(names.toSorted()).toEqual(Object.values(STREAMS).toSorted());
});

test("of servers that start at once on a new cluster none fails: it is not ready while another makes the streams", async () => {
  await using nats = await startNatsCluster();
  await using one = await openLink({ url: nats.nodes[0]?.url ?? "" });
  await using two = await openLink({ url: nats.nodes[1]?.url ?? "" });
  await using three = await openLink({ url: nats.nodes[2]?.url ?? "" });
  const links = [one, two, three];
  for (let round = 0; round < 4; round += 1) {
    const made = await Promise.all(links.map((link, index) => whenReady(link, index)));
    expect(made).toEqual([made[0], made[0], made[0]]);
    await Promise.all(Object.values(STREAMS).map((name) => one.jsm.streams.delete(name)));
  }
});

async function whenReady(link: OpenLink, nowMs: number): Promise<unknown> {
  for (;;) {
    try {
      return await ensureTopology(link, () => nowMs);
    } catch (error) {
      if (!isNotReady(error)) throw error;
    }
  }
}

test("no stream that agents publish to can be wiped by one message: roll-up, TTL and schedules are off", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  await ensureTopology(link, () => 1);
  for (const stream of [STREAMS.events, STREAMS.beats, STREAMS.logs, STREAMS.jobs, STREAMS.history]) {
    const { config } = await link.jsm.streams.info(stream);
    expect({ stream, allow_rollup_hdrs: config.allow_rollup_hdrs }).toEqual({ stream, allow_rollup_hdrs: false });
    const isAgents = stream !== STREAMS.jobs && stream !== STREAMS.history;
    if (isAgents) expect(config).not.toMatchObject({ allow_msg_ttl: true });
    expect(config).not.toMatchObject({ allow_msg_schedules: true });
  }
});

test("what an operator changed of a stream is left alone", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  await ensureTopology(link, () => 1);
  await link.jsm.streams.update(STREAMS.logs, { max_bytes: 1_000_000 });
  await ensureTopology(link, () => 1);
  expect((await link.jsm.streams.info(STREAMS.logs)).config.max_bytes).toBe(1_000_000);
});

test("a stream of an older version takes messages that go by themselves from now on, and keeps what it holds", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  await link.jsm.streams.add({ name: STREAMS.agents, subjects: ["$KV.agents.>"], max_msgs_per_subject: 1 });
  await link.js.publish("$KV.agents.web-1", "kept");
  await ensureTopology(link, () => 1);
  const { config, state } = await link.jsm.streams.info(STREAMS.agents);
  expect([config.allow_msg_ttl, config.max_msgs_per_subject, state.messages]).toEqual([true, 1, 1]);
});

test("after kill -9 the streams in memory are gone and are made again; those on disk are as they were", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  const before = await ensureTopology(link, () => 111);
  await link.js.publish("history.a.b", "kept");
  await nats.nodes[0]?.kill("SIGKILL");
  await nats.nodes[0]?.start();
  await using again = await openLink(nats);
  expect(await again.jsm.streams.names().next()).not.toContain(STREAMS.beats);
  expect(await ensureTopology(again, () => 222)).toEqual(before);
  expect((await again.jsm.streams.names().next()).toSorted()).toEqual(Object.values(STREAMS).toSorted());
  expect((await again.jsm.streams.info(STREAMS.history)).state.messages).toBe(1);
});

test("a stream of that name that is not ours is refused", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  await link.jsm.streams.add({ name: STREAMS.jobs, subjects: ["$KV.jobs.>"] });
  await expect(ensureTopology(link, () => 1)).rejects.toThrow(/not made by Jobs/);
});
