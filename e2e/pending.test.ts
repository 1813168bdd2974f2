/** What waits, in line: for what, and when it is likely to start. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "./support/cli.ts";
import { freshName, startStack } from "./support/stack.ts";

test("the line of a host: place, what each waits for, wanted and likely times; those to come after those that are due", async () => {
  await using stack = await startStack({ agents: ["alpha", "beta"], slots: 1, labels: { beta: { b: "" } } });
  const { client, directory } = stack;
  const go = join(directory, "go");
  const name = freshName("known");
  // It is known how long runs of this job take.
  const first = await client.submitJob({ name, script: "sleep 1", on: "alpha" });
  await first.settled();
  const running = await client.submitJob({
    name: freshName(),
    script: `until [ -e ${go} ]; do sleep 0.05; done`,
    on: "beta",
  });
  const busy = await client.submitJob({ name, script: "sleep 1", on: "alpha" });
  const queued = await client.submitJob({ name, script: "sleep 1", on: "alpha", overlap: "queue" });
  const urgent = await client.submitJob({ name: freshName(), script: "true", on: "alpha", priority: 9 });
  const behind = await client.submitJob({ name: freshName(), script: "true", on: { any: "b" } });
  const held = await client.submitJob({ name: freshName(), script: "true", on: "beta", hold: true });
  const at = new Date(Date.now() + 3_600_000).toISOString();
  const later = await client.submitJob({ name: freshName(), script: "true", on: "beta", at });
  const pending = await client.listPending();
  expect(pending.map(({ run }) => run.run)).toEqual([urgent.id, queued.id, behind.id, held.id, later.id]);
  expect(pending.map(({ run }) => run.waitingFor)).toEqual(["slot", "previous-run", "slot", "held", undefined]);
  const [ofUrgent, ofQueued, ofBehind, ofHeld, ofLater] = pending;
  const startedMs = Date.parse((await client.getRun(busy.id)).times.runningAt ?? new Date().toISOString());
  const likelyMs = (one: typeof ofUrgent): number => Date.parse(one?.estimatedStartAt ?? "") - startedMs;
  expect(likelyMs(ofUrgent)).toBeGreaterThan(900);
  expect(likelyMs(ofUrgent)).toBeLessThan(3_000);
  expect(ofUrgent).toMatchObject({ wantedAt: urgent.view.times.submittedAt, run: { place: 1, priority: 9 } });
  // How long the urgent one takes nobody knows, nor the one on the other host.
  expect([ofQueued?.estimatedStartAt, ofBehind?.estimatedStartAt, ofHeld?.estimatedStartAt]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(ofLater).toMatchObject({ wantedAt: at, estimatedStartAt: at });
  const beta = await client.listPending({ agent: "beta", limit: 2 });
  expect(beta.map(({ run }) => run.run)).toEqual([behind.id, held.id]);
  expect((await client.listPending({ job: name })).map(({ run }) => run.run)).toEqual([queued.id]);
  await expect(client.listPending({ agent: "nobody" })).rejects.toMatchObject({
    code: "agent-unknown",
    field: "agent",
  });
  const { stdout } = await runCli(stack, "list", "--pending", "--agent", "alpha");
  expect(stdout.split("\n")[0]).toMatch(/^PLACE +RUN +JOB +PRIORITY +WANTED +LIKELY START +WHAT$/);
  expect(stdout.split("\n")[1]).toMatch(new RegExp(`^1 +${urgent.id} .* 9 .*Waiting for a free slot on alpha\\.`));
  await writeFile(go, "");
  for (const run of [running, behind, queued, urgent]) expect(await run.result()).toMatchObject({ state: "completed" });
  expect(await client.listPending({ job: name })).toEqual([]);
});
