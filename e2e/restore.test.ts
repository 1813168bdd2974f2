import { connectNats, type NatsLink } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { freshName, startStack } from "./support/stack.ts";

const LONG = "while :; do sleep 0.1; done";
const STREAM = "KV_jobs";

/** As an operator does it: the bucket as it was before, and an epoch of its own. */
async function restoreEmpty({ jsm }: NatsLink): Promise<void> {
  await jsm.streams.purge(STREAM);
  const { config } = await jsm.streams.info(STREAM);
  await jsm.streams.update(STREAM, { metadata: { ...config.metadata, "jobs.epoch": String(Date.now()) } });
}

test("after a restore nothing starts before each known agent was heard; what a host runs that the store does not know keeps its job busy", async () => {
  await using stack = await startStack({ agents: ["alpha", "beta"] });
  const [first] = stack.servers;
  const name = freshName();
  const run = await stack.client.submitJob({ name, script: LONG, on: "alpha" });
  await new Promise<void>((resolve) => run.on("state", ({ state }) => state === "running" && resolve()));
  run.close();
  await stack.agents[1]?.stop();
  await first?.stop();
  const link = await connectNats({ url: stack.nats.url, user: "server", password: "server", name: "operator" });
  await restoreEmpty(link);
  await link.connection.close();
  await stack.nats.nodes[0]?.kill("SIGKILL"); // the beats of before go with it
  await stack.nats.nodes[0]?.start();

  const client = stack.clientOf(await stack.startServer());
  const waiting = await client.submitJob({ name: freshName(), script: "echo hi", on: "alpha" });
  expect(waiting.view).toMatchObject({ state: "pending", waitingFor: "restored-store", next: { owner: "operator" } });
  for (;;) {
    const error = await client.submitJob({ name, script: LONG, on: "alpha" }).then(
      (accepted) => accepted.cancel(), // alpha was not heard yet
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof Error)) continue;
    expect(error).toMatchObject({ code: "job-busy", details: { run: run.id, agent: "alpha" } });
    break;
  }
  expect(await client.getRun(waiting.id)).toMatchObject({ waitingFor: "restored-store" });
  await stack.startAgent("beta");
  expect(await waiting.result()).toMatchObject({ state: "completed" });
});
