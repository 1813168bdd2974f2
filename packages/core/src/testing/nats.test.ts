import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { expect, test, vi } from "vitest";
import { startNats, startNatsCluster } from "./index.ts";

test("two fixtures run side by side on stores of their own", async () => {
  await using one = await startNats();
  await using two = await startNats();
  expect(one.url).not.toBe(two.url);
  const connection = await connect({ servers: one.url });
  await (await jetstreamManager(connection)).streams.add({ name: "S", subjects: ["s"] });
  const other = await connect({ servers: two.url });
  await expect((await jetstreamManager(other)).streams.info("S")).rejects.toThrow(/not found/);
  await Promise.all([connection.close(), other.close()]);
});

test(
  "a cluster keeps a replicated stream while one node is killed, and takes the node back",
  { timeout: 60_000 },
  async () => {
    await using cluster = await startNatsCluster();
    expect(cluster.nodes).toHaveLength(3);
    const connection = await connect({ servers: [...cluster.urls], maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "S", subjects: ["s"], num_replicas: 3 });
    const store = jetstream(connection);
    await store.publish("s", "1");
    await cluster.nodes[0]?.kill("SIGKILL");
    await vi.waitFor(() => store.publish("s", "2", { timeout: 1000 }), { timeout: 25_000 });
    await cluster.nodes[0]?.start();
    await vi.waitFor(
      async () => {
        const { cluster: group } = await manager.streams.info("S");
        expect(group?.replicas?.map(({ current }) => current)).toEqual([true, true]);
      },
      { timeout: 20_000 },
    );
    await connection.close();
  },
);
