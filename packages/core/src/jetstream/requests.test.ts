import { errors } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import type { Beat } from "../protocol/messages.ts";
import { startNats } from "../testing/index.ts";
import { openLink, openStores } from "../testing/nats-link.ts";
import { AGENT } from "../testing/sample-runs.ts";
import { AgentBeats } from "./beat-store.ts";
import { ConnectionLostError } from "./requests.ts";
import { ensureTopology } from "./topology.ts";

/** Far more than a test may take: what passes did not wait for it. */
const NEVER_MS = 600_000;

test("a request whose connection is lost fails at once, its outcome unknown", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  const [node] = nats.nodes;
  await node?.kill("SIGSTOP");
  const asked = link.connection.request("$JS.API.INFO", "", { timeout: NEVER_MS });
  const published = link.js.publish("nobody", "", { timeout: NEVER_MS });
  const failed = Promise.all([
    expect(asked).rejects.toBeInstanceOf(ConnectionLostError),
    expect(published).rejects.toBeInstanceOf(ConnectionLostError),
  ]);
  await node?.kill("SIGKILL");
  await failed;
});

test("a request made without a connection is sent as soon as there is one", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  const lost = statusOf(link, "disconnect");
  const [node] = nats.nodes;
  await node?.kill("SIGKILL");
  await lost;
  const asked = link.connection.request("$JS.API.INFO", "", { timeout: NEVER_MS });
  await node?.start();
  expect((await asked).json()).toMatchObject({ streams: 0 });
});

test("a beat is not sent without a connection, nor when there is one again: it would wait in memory", async () => {
  await using nats = await startNats();
  await using link = await openStores(nats);
  const lost = statusOf(link, "disconnect");
  const [node] = nats.nodes;
  await node?.kill("SIGKILL");
  await lost;
  const beats = new AgentBeats(link, AGENT);
  const beat: Beat = { v: 1, session: "s", number: 1, licence: { session: "s", number: 1 }, held: [], inbox: true };
  expect(await beats.beat(beat, 0)).toMatchObject({ kind: "unknown" });
  await node?.start();
  await ensureTopology(link, () => 1);
  expect(await beats.last()).toBeUndefined();
  expect(await beats.beat(beat, 0)).toMatchObject({ kind: "stored" });
});

test("a request made without a connection has its own time, and ends with the connection", async () => {
  await using nats = await startNats();
  await using link = await openLink(nats);
  const lost = statusOf(link, "disconnect");
  await nats.nodes[0]?.kill("SIGKILL");
  await lost;
  await expect(link.connection.request("any", "", { timeout: 1 })).rejects.toBeInstanceOf(errors.TimeoutError);
  await expect(link.connection.request("any")).rejects.toBeInstanceOf(errors.TimeoutError);
  const asked = link.connection.request("any", "", { timeout: NEVER_MS });
  const ended = expect(asked).rejects.toBeInstanceOf(errors.ClosedConnectionError);
  await link.connection.close();
  await ended;
  await expect(link.connection.request("any")).rejects.toBeInstanceOf(errors.ClosedConnectionError);
});

async function statusOf({ connection }: Awaited<ReturnType<typeof openLink>>, wanted: string): Promise<void> {
  for await (const { type } of connection.status()) if (type === wanted) return;
}
