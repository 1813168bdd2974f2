import { connectNats } from "@jobs/core/jetstream";
import { expect, test } from "vitest";
import { freshName, startStack } from "./support/stack.ts";

const LONG = "while :; do sleep 0.1; done";

test.each([
  ["one node", false],
  ["three nodes", true],
])(
  "of two submissions of one job at the same instant to two servers exactly one starts, on %s",
  async (_, isCluster) => {
    await using stack = await startStack({ servers: 2, isCluster, slots: 50 });
    const clients = stack.servers.map((server) => stack.clientOf(server));
    for (let round = 0; round < 10; round++) {
      const name = freshName();
      const outcomes = await Promise.allSettled(
        clients.map((client) => client.submitJob({ name, script: LONG, on: "alpha" })),
      );
      const accepted = outcomes.filter((one) => one.status === "fulfilled").map((one) => one.value);
      const rejected = outcomes.filter((one) => one.status === "rejected").map((one) => one.reason as unknown);
      expect(accepted).toHaveLength(1);
      expect(rejected).toHaveLength(1);
      const [run] = accepted;
      expect(rejected[0]).toMatchObject({ code: "job-busy", details: { run: run?.id, submittedBy: "tester" } });
      expect(String((rejected[0] as Error).message)).toContain(run?.id);
      await run?.cancel();
      expect(await run?.result()).toMatchObject({ state: "cancelled", reason: "cancelled-by" });
    }
  },
);

test("a job is free again as soon as its run has ended", async () => {
  await using stack = await startStack();
  const name = freshName();
  for (let round = 0; round < 5; round++) {
    const run = await stack.client.submitJob({ name, script: `echo ${round}`, on: "alpha" });
    expect(await run.result()).toMatchObject({ state: "completed" });
  }
  expect(await stack.client.listRuns({ job: name })).toHaveLength(5);
});

test("the same key gives the same run, also after it has ended; with another content it is a conflict", async () => {
  await using stack = await startStack();
  const request = { name: freshName(), script: "echo once >> $JOBS_OUTPUT/../../../count", on: "alpha", key: "k1" };
  const [one, two] = await Promise.all([stack.client.submitJob(request), stack.client.submitJob(request)]);
  expect(two.id).toBe(one.id);
  await one.settled();
  expect((await stack.client.submitJob(request)).id).toBe(one.id);
  await expect(stack.client.submitJob({ ...request, script: "echo other" })).rejects.toMatchObject({
    code: "key-conflict",
    field: "key",
  });
  expect(await stack.client.listRuns({ job: request.name })).toHaveLength(1);
});

test("two runs that both allow it run side by side; one that does not allow it is rejected", async () => {
  await using stack = await startStack();
  const name = freshName();
  const allowing = { name, script: LONG, on: "alpha", overlap: "allow" as const };
  const runs = [await stack.client.submitJob(allowing), await stack.client.submitJob(allowing)];
  await expect(stack.client.submitJob({ name, script: LONG, on: "alpha" })).rejects.toMatchObject({ code: "job-busy" });
  for (const run of runs) await run.cancel();
  for (const run of runs) expect(await run.result()).toMatchObject({ state: "cancelled" });
});

test("the same key with the same environment gives the same run, in whatever order its names are", async () => {
  await using stack = await startStack();
  const request = { name: freshName(), script: "echo $A$B", on: "alpha", key: "k1" };
  const one = await stack.client.submitJob({ ...request, env: { A: "1", B: "2" } });
  expect((await stack.client.submitJob({ ...request, env: { B: "2", A: "1" } })).id).toBe(one.id);
  for (const env of [{ A: "2", B: "1" }, { A: "1" }, {}])
    await expect(stack.client.submitJob({ ...request, env })).rejects.toMatchObject({ code: "key-conflict" });
  await one.settled();
});

test("a finished run that only a newer server can read is not unknown to an older one", async () => {
  await using stack = await startStack();
  const link = await connectNats({ url: stack.nats.url, user: "server", password: "server", name: "newer server" });
  await link.js.publish("history.nightly.run00001", JSON.stringify({ v: 2, job: "nightly", run: "run00001" }));
  await link.connection.close();
  await expect(stack.client.getRun("run00001")).rejects.toMatchObject({
    code: "store-unavailable",
    message: expect.stringContaining("upgrade this server") as string,
  });
});
