import { errors } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { startNats } from "../testing/index.ts";
import { openLink } from "../testing/nats-link.ts";
import { ConnectionLostError } from "./requests.ts";

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
